"""Scenes among colleagues: a moved meeting, asking for leave."""

from __future__ import annotations

from samplekit.scene import Scene, maybe, outcome, say

from scenes.pools import DURATIONS, HOURS, NAMES, WEEKDAYS

_MEETING_REASONS = ("부장님이 출장을 가", "자료가 늦어", "회의실이 없어", "사장님이 바빠", "발표자가 아파")

MEETING_POSTPONED = Scene(
    key="meeting_postponed",
    topics=("회의 연기", "회의 일정 변경"),
    slots={"name": NAMES, "third": NAMES, "day": WEEKDAYS, "time": HOURS, "other": WEEKDAYS, "reason": _MEETING_REASONS},
    ordered=(("day", "other"),),
    opening=(maybe(0.6, say("B", "무슨 일이세요?", "네, 말씀하세요."), say("A", "회의 때문에요.", "잠깐 드릴 말씀이 있어요.")),),
    outcomes=(
        outcome(
            "postponed",
            [
                say(
                    "A",
                    "{name} 씨, {day} 회의가 {other} {time:으로} 미뤄졌어요.",
                    "{name} 씨, {day} 회의를 {other} {time}에 하기로 했어요.",
                    "{name} 씨, {day} 회의 말인데요, {other} {time:으로} 바뀌었어요.",
                ),
                say("B", "그래요? 왜요?", "무슨 일이 있나요?", "갑자기 왜 바뀌었어요?"),
                say("A", "{reason}서 그렇게 됐어요.", "{reason}서요.", "{reason}서 어쩔 수 없었어요."),
                say("B", "알겠어요. 적어 둘게요.", "네, 그럼 그때 봐요.", "잘됐네요. 준비할 시간이 생겼어요."),
                maybe(0.6, say("A", "{third} 씨에게도 전해 주세요."), say("B", "네, 제가 말할게요.", "그럼요. 바로 전할게요.")),
            ],
            [
                "{A:은} {name}에게 {reason}서 {day} 회의가 {other} {time:으로} 미뤄졌다고 알린다.",
                "{reason}서 {day} 회의가 {other} {time:으로} 미뤄졌다고 {A:이} {name}에게 말한다.",
            ],
        ),
        outcome(
            "cancelled",
            [
                say(
                    "A",
                    "{name} 씨, {day} {time} 회의가 취소됐어요.",
                    "{name} 씨, {day} {time} 회의는 안 하기로 했어요.",
                    "{name} 씨, 소식 들었어요? {day} {time} 회의가 없어졌어요.",
                ),
                say("B", "그래요? 왜요?", "무슨 일이 있나요?", "갑자기 왜 취소됐어요?"),
                say("A", "{reason}서 그렇게 됐어요.", "{reason}서요.", "{reason}서 어쩔 수 없었어요."),
                say(
                    "B",
                    "그럼 자료는 메일로 보낼게요.",
                    "알겠어요. 자료는 메일로 보내 드릴게요.",
                    "그러면 제가 만든 자료는 메일로 보낼게요.",
                ),
            ],
            [
                "{A:은} {name}에게 {reason}서 {day} {time} 회의가 취소됐다고 알린다.",
                "{reason}서 {day} {time} 회의가 취소되어 {name:은} 자료를 메일로 보내기로 한다.",
            ],
        ),
        outcome(
            "third_decides",
            [
                say(
                    "A",
                    "{name} 씨, {reason}서 {day} 회의를 미뤄야겠어요.",
                    "{reason}서 {day} 회의를 미뤄야 할 것 같아요. {name} 씨는 언제가 좋아요?",
                    "{name} 씨, {day} 회의를 미루고 싶어요. {reason}서요.",
                ),
                say(
                    "B",
                    "저는 언제든지 괜찮아요. {third} 씨는요?",
                    "저는 다 좋아요. {third} 씨는 언제가 좋아요?",
                    "{third} 씨는 언제 시간이 돼요? 저는 다 괜찮아요.",
                ),
                say("C", "저는 {other} {time:이} 좋아요.", "{other} {time}에 하면 좋겠어요.", "{other} {time:은} 어때요?"),
                say("A", "그럼 그때 합시다.", "좋아요. 그때 해요.", "네, 그렇게 정할게요."),
            ],
            [
                "{A:은} {name}, {third:과} 이야기해서 {day} 회의를 {other} {time:으로} 미룬다.",
                "{A:은} {reason}서 {day} 회의를 미루려 하고, 셋은 {other} {time}에 하기로 한다.",
            ],
        ),
    ),
)

_LEAVE_REASONS = ("가족 여행을 가게 돼", "이사를 하게 돼", "집을 수리하게 돼", "어머니가 아프셔", "수술을 받게 돼", "아이 방학이 시작돼")

LEAVE_REQUEST = Scene(
    key="leave_request",
    topics=("휴가 신청",),
    slots={"start": WEEKDAYS, "stay": DURATIONS, "reason": _LEAVE_REASONS, "name": NAMES, "other": WEEKDAYS},
    ordered=(("start", "other"),),
    opening=(
        say("A", "부장님, 잠깐 시간 있으세요?", "부장님, 드릴 말씀이 있습니다.", "부장님, 바쁘세요?"),
        say("B", "네, 무슨 일이에요?", "네, 들어오세요.", "괜찮아요. 말해 보세요."),
        say(
            "A",
            "{reason}서 {start}부터 {stay} 동안 휴가를 쓰고 싶습니다.",
            "{start}부터 {stay} 동안 쉬고 싶습니다. {reason}서요.",
            "{stay} 동안 휴가를 내도 될까요? {reason}서 {start}부터 쉬려고요.",
        ),
    ),
    outcomes=(
        outcome(
            "granted",
            [
                say("B", "그동안 일은 누가 하나요?", "맡은 일은 어떻게 하죠?", "그 사이에 급한 일은요?"),
                say("A", "{name} 씨가 도와주기로 했습니다.", "{name} 씨에게 부탁했습니다.", "{name} 씨가 대신 해 주기로 했어요."),
                say("B", "그럼 됐네요. 잘 다녀오세요.", "좋아요. 그렇게 하세요.", "그렇다면 문제없어요. 쉬세요."),
            ],
            [
                "{A:은} {reason}서 {start}부터 {stay} 동안 휴가를 쓰고, 일은 {name:이} 대신 하기로 한다.",
                "{B:은} {A}에게 {start}부터 {stay} 동안 휴가를 써도 된다고 한다. 일은 {name:이} 대신 한다.",
            ],
        ),
        outcome(
            "later",
            [
                say(
                    "B",
                    "그때는 바쁜데, {other}부터 쉬면 안 될까요?",
                    "그때는 일이 많아요. {other}부터는 어때요?",
                    "{other}부터 쉬면 좋겠는데요. 그 전에는 너무 바빠요.",
                ),
                say("A", "네, 그렇게 하겠습니다.", "그럼 그때로 바꾸겠습니다.", "네, 그것도 괜찮습니다."),
                say("B", "고마워요. 신청서를 내 주세요.", "이해해 줘서 고마워요.", "그럼 그렇게 알고 있을게요."),
            ],
            [
                "{A:은} {reason}서 {start}부터 쉬려 하지만 바빠서 {other}부터 {stay} 동안 쉬기로 한다.",
                "{B:은} 바쁘다며 {A}에게 {start} 대신 {other}부터 {stay} 동안 쉬라고 한다.",
            ],
        ),
        outcome(
            "refused",
            [
                say(
                    "B",
                    "미안하지만 이번 달에는 어려워요.",
                    "곤란하네요. 지금은 사람이 부족해요.",
                    "이번에는 안 되겠어요. 일이 너무 많아요.",
                ),
                say("A", "조금만이라도 안 될까요?", "꼭 필요한 휴가입니다.", "며칠이라도 안 될까요?"),
                say(
                    "B", "{name} 씨도 없어서 정말 힘들어요.", "{name} 씨도 휴가라서 사람이 없어요.", "{name} 씨가 그만둬서 지금은 안 돼요."
                ),
                say("A", "네, 알겠습니다.", "할 수 없죠. 알겠습니다."),
            ],
            [
                "{A:은} {reason}서 {start}부터 {stay} 동안 쉬고 싶어 하지만 {B:은} 사람이 없다며 거절한다.",
                "{A:은} {start}부터 {stay} 동안 휴가를 신청하지만 {B:은} 거절한다. {name}도 없기 때문이다.",
            ],
        ),
    ),
)

SCENES = (MEETING_POSTPONED, LEAVE_REQUEST)
