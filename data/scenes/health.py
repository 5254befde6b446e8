"""Scenes with doctors: the practice and the dentist."""

from __future__ import annotations

from samplekit.scene import Scene, maybe, outcome, say

from scenes.phrases import call_greeting, call_thanks, full_name, phone_number, polite_thanks
from scenes.pools import DURATIONS, FULL_NAMES, HOURS, WEEKDAYS

# A symptom, spoken before 요 or 서, and the test a doctor might order for it.
_SYMPTOMS = (
    ("목이 아파", "피 검사"),
    ("기침이 나", "가슴 엑스레이 검사"),
    ("열이 나", "피 검사"),
    ("배가 아파", "위내시경 검사"),
    ("속이 쓰려", "위내시경 검사"),
    ("머리가 아파", "혈압 검사"),
    ("무릎이 아파", "무릎 엑스레이 검사"),
    ("허리가 아파", "허리 엑스레이 검사"),
    ("어지러워", "혈압 검사"),
    ("잠이 안 와", "혈압 검사"),
)

DOCTOR_VISIT = Scene(
    key="doctor_visit",
    topics=("병원 진료", "진료와 처방"),
    slots={"since": DURATIONS, "dose": DURATIONS, "day": WEEKDAYS},
    tied={("symptom", "test"): _SYMPTOMS},
    opening=(
        maybe(0.6, say("B", "어디가 불편해서 오셨어요?", "안녕하세요. 어디가 아프세요?", "들어오세요. 어떻게 오셨습니까?")),
        say("A", "선생님, {since} 전부터 {symptom}요.", "{since} 전부터 {symptom}요.", "{symptom}요. {since} 전부터 그랬어요."),
        say("B", "다른 증상은 없나요?", "다른 데는 괜찮으세요?"),
        say("A", "네, 다른 건 괜찮아요.", "네, 다른 데는 괜찮습니다.", "네, 그것 말고는 괜찮아요."),
        say("B", "한번 봅시다.", "어디 볼까요.", "잠깐 살펴보겠습니다."),
    ),
    outcomes=(
        outcome(
            "medicine",
            [
                say(
                    "B",
                    "심하지 않네요. 약을 {dose} 치 드릴게요.",
                    "약을 {dose} 치 처방해 드리겠습니다.",
                    "{dose} 치 약을 드릴 테니 꼭 챙겨 드세요.",
                ),
                maybe(
                    0.6,
                    say("A", "운동은 해도 되나요?", "술을 마셔도 되나요?", "커피는 마셔도 됩니까?"),
                    say("B", "당분간은 참으세요.", "나을 때까지는 참으시는 게 좋아요.", "며칠은 참으시는 게 좋겠습니다."),
                ),
            ],
            [
                "{A:은} {since} 전부터 {symptom}서 {B}에게 {dose} 치 약을 처방받는다.",
                "{A:이} {since} 전부터 {symptom}서 {B:은} {dose} 치 약을 처방한다.",
            ],
        ),
        outcome(
            "test",
            [
                say(
                    "B", "정확히 알려면 {test:을} 해야겠어요.", "{test:을} 해 보는 게 좋겠습니다.", "아무래도 {test:을} 해야 할 것 같네요."
                ),
                say("A", "오늘 할 수 있나요?", "언제 하면 되나요?", "지금 바로 하나요?"),
                say("B", "오늘은 어렵고 {day}에 오세요.", "{day}에 하는 걸로 합시다.", "{day}에 다시 오시면 됩니다."),
                maybe(0.6, say("A", "아침을 먹고 와도 되나요?"), say("B", "아니요, 아침은 드시지 마세요.", "물만 드시고 오세요.")),
            ],
            [
                "{A:은} {since} 전부터 {symptom}서 {day}에 {test:을} 받기로 한다.",
                "{A:이} {since} 전부터 {symptom}서 {B:은} {day}에 {test:을} 하자고 한다.",
            ],
        ),
        outcome(
            "rest",
            [
                say("B", "요즘 일이 많으셨나요?", "혹시 무리하셨어요?", "요즘 많이 피곤하셨죠?"),
                say("A", "네, 계속 늦게까지 일했어요.", "네, 쉬지를 못했어요.", "사실 야근이 많았어요."),
                say(
                    "B",
                    "약보다 휴식이 필요합니다. {dose} 동안 푹 쉬세요.",
                    "약은 필요 없고 {dose} 동안 쉬시면 됩니다.",
                    "{dose} 동안 쉬면 좋아질 거예요. 약은 안 드셔도 됩니다.",
                ),
            ],
            [
                "{A:이} {since} 전부터 {symptom}서 {B:은} {dose} 동안 쉬라고 한다.",
                "{A:은} {since} 전부터 {symptom}서 진료를 받고, {B:은} {dose} 동안 쉬라고 한다.",
            ],
        ),
    ),
    closing=(polite_thanks("A", "B", 0.7),),
)

_TEETH = ("오른쪽 어금니", "왼쪽 어금니", "앞니", "사랑니", "위쪽 어금니", "아래쪽 어금니")

DENTIST = Scene(
    key="dentist",
    topics=("치과 예약", "치과 진료"),
    slots={"tooth": _TEETH, "day": WEEKDAYS, "time": HOURS, "other": HOURS, "full": FULL_NAMES},
    opening=(
        call_greeting("B", "바른치과"),
        say("A", "{tooth:이} 아파서 전화드렸어요.", "{tooth:이} 너무 아파요. 예약할 수 있을까요?", "{tooth:이} 아픈데 진료를 받고 싶어요."),
        maybe(0.6, say("B", "많이 아프세요?", "언제부터 아프셨어요?"), say("A", "어제부터 조금 심해졌어요.", "며칠 됐는데 점점 심해져요.")),
    ),
    outcomes=(
        outcome(
            "booked",
            [
                say("B", "{day} {time}에 오실 수 있나요?", "{day} {time}에 자리가 있습니다.", "가장 빠른 시간이 {day} {time}입니다."),
                say("A", "네, 그때 갈게요.", "좋아요. 그 시간으로 해 주세요.", "네, 괜찮습니다."),
                full_name("B", "A"),
                phone_number("B", "A", 0.3),
                say("B", "예약해 두겠습니다.", "네, 예약됐습니다."),
            ],
            ["{A:은} {tooth:이} 아파서 {day} {time}에 치과를 예약한다.", "{A:은} {tooth:이} 아파서 {day} {time}에 진료를 받기로 한다."],
        ),
        outcome(
            "other_time",
            [
                say("B", "{day} {time}에 오실 수 있나요?", "{day} {time}에 자리가 있습니다.", "가장 빠른 시간이 {day} {time}입니다."),
                say(
                    "A",
                    "그 시간에는 일이 있어요. {other:은} 안 될까요?",
                    "그때는 회의가 있어서요. {other:은} 어때요?",
                    "죄송하지만 그때는 안 돼요. {other}에는 안 되나요?",
                ),
                say("B", "네, 그 시간도 됩니다.", "확인해 볼게요. 네, 가능합니다.", "네, 그렇게 바꿔 드릴게요."),
                full_name("B", "A"),
            ],
            [
                "{A:은} {tooth:이} 아파서 {day} {other}에 치과를 예약한다.",
                "{A:은} {tooth:이} 아프지만 {time:은} 안 되어 {day} {other}에 치과를 예약한다.",
            ],
        ),
        outcome(
            "come_now",
            [
                say("B", "{day} {time}에 오실 수 있나요?", "{day} {time}에 자리가 있습니다.", "가장 빠른 시간이 {day} {time}입니다."),
                say(
                    "A",
                    "너무 아파서 그때까지 못 기다리겠어요.",
                    "밥도 못 먹는데 더 빨리는 안 될까요?",
                    "지금 너무 아파요. 오늘은 안 되나요?",
                ),
                say("B", "그럼 오늘 {other}에 바로 오세요.", "급하시면 오늘 {other}에 오세요.", "그러면 오늘 {other}에 봐 드릴게요."),
                say("A", "네, 그때 갈게요.", "다행이에요. 바로 갈게요."),
            ],
            [
                "{A:은} {tooth:이} 너무 아파서 오늘 {other}에 치과에 가기로 한다.",
                "{A:이} {tooth:이} 너무 아프다고 하자 {B:은} 오늘 {other}에 오라고 한다.",
            ],
        ),
    ),
    closing=(call_thanks("A", "B"),),
)

SCENES = (DOCTOR_VISIT, DENTIST)
