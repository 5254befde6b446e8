"""Scenes about agreeing to meet: a language exchange, the weekend."""

from __future__ import annotations

from samplekit.scene import Scene, maybe, outcome, say

from scenes.phrases import friend_goodbye, friend_greeting
from scenes.pools import EVENINGS, NAMES, PLAIN_DAYS

_HOBBIES = ("등산", "요리", "수영", "사진", "기타", "그림", "자전거", "독서")
_LANGUAGES = ("영어", "일본어", "중국어", "프랑스어", "독일어", "스페인어", "베트남어")

LANGUAGE_EXCHANGE = Scene(
    key="language_exchange",
    topics=("언어 교환", "외국어 공부"),
    slots={
        "language": _LANGUAGES,
        "day": PLAIN_DAYS,
        "time": EVENINGS,
        "place": ("카페", "도서관", "학교", "공원", "학생 식당"),
        "hobby": _HOBBIES,
    },
    opening=(
        say(
            "A",
            "안녕하세요. 언어 교환 광고를 보고 왔어요.",
            "안녕하세요. 언어 교환을 하고 싶어서 왔어요.",
            "혹시 언어 교환을 하시는 분이세요?",
        ),
        say(
            "B",
            "네, 저는 {language:을} 가르치고 한국어를 배우고 싶어요.",
            "반가워요. 저는 {language:을} 할 줄 알고 한국어를 배우고 있어요.",
            "네, 한국어를 배우고 싶어요. 대신 {language:을} 가르쳐 드릴게요.",
        ),
        maybe(0.6, say("A", "취미가 뭐예요?", "쉬는 날에는 뭘 하세요?"), say("B", "저는 {hobby:을} 좋아해요.", "{hobby:이} 취미예요.")),
    ),
    outcomes=(
        outcome(
            "agreed",
            [
                say("A", "좋아요. 언제 만날까요?", "잘됐네요. 언제가 좋으세요?", "저도 꼭 배우고 싶었어요. 언제 할까요?"),
                say(
                    "B",
                    "매주 {day} {time}에 {place}에서 만나요.",
                    "{day} {time}에 {place:은} 어때요? 매주 만나요.",
                    "매주 {day} {time}, {place}에서 하면 좋겠어요.",
                ),
                say("A", "네, 좋아요.", "좋습니다. 그때 봐요.", "네, 그렇게 해요."),
            ],
            [
                "{A:과} {B:은} 매주 {day} {time}에 {place}에서 한국어와 {language:을} 서로 가르치기로 한다.",
                "{A:은} {B:과} 매주 {day} {time}에 {place}에서 만나 {language:을} 배우기로 한다.",
            ],
        ),
        outcome(
            "online",
            [
                say("A", "좋아요. {place}에서 만날까요?", "잘됐네요. {place}에서 하면 어때요?", "저는 {place}에서 하면 좋겠어요."),
                say(
                    "B",
                    "거기는 멀어서 힘들어요. 온라인으로 하면 안 될까요?",
                    "거기까지 가기가 어려워요. 온라인은 어때요?",
                    "제가 너무 멀리 살아요. 온라인으로 해요.",
                ),
                say(
                    "A",
                    "네, 그럼 {day} {time}에 온라인으로 만나요.",
                    "괜찮아요. {day} {time}에 온라인으로 해요.",
                    "그것도 좋네요. {day} {time}에 해요.",
                ),
            ],
            [
                "{A:과} {B:은} {day} {time}에 온라인으로 한국어와 {language:을} 서로 가르치기로 한다.",
                "{place:은} 멀어서 {A:은} {B:과} {day} {time}에 온라인으로 {language:을} 배우기로 한다.",
            ],
        ),
        outcome(
            "not_matching",
            [
                say("A", "저는 {day} {time}에만 시간이 있어요. 괜찮으세요?", "제가 바빠서 {day} {time}밖에 안 되는데 어떠세요?"),
                say("B", "그때는 일해요. 다른 시간은 안 되나요?", "어쩌죠? 저는 그때 일이 있어요.", "그 시간에는 저도 수업이 있어요."),
                say("A", "네, 다른 시간은 어려워요.", "죄송해요. 그때만 시간이 나요.", "저도 다른 날은 다 바빠요."),
                say("B", "아쉽네요. 다음에 기회가 있으면 해요.", "그럼 다른 사람을 찾아봐야겠네요.", "그럼 어쩔 수 없네요."),
            ],
            [
                "{A:은} {language:을} 배우고 싶지만 {day} {time}에만 시간이 있어서 {B:과} 언어 교환을 하지 못한다.",
                "{A:과} {B:은} {day} {time}에 시간이 맞지 않아 {language} 언어 교환을 하지 못한다.",
            ],
        ),
    ),
)

_WEEKEND = ("토요일", "일요일", "토요일 오전", "일요일 오전", "토요일 오후", "일요일 오후")
_ACTIVITIES = ("영화 보러", "등산하러", "낚시하러", "캠핑하러", "축구 보러", "전시회 보러", "자전거 타러", "수영하러", "연극 보러")
_BUSY = ("할머니 생신이라", "출근해야 해서", "시험공부를 해야 해서", "이사를 도와야 해서", "결혼식이 있어서", "병원에 가야 해서")

WEEKEND_PLANS = Scene(
    key="weekend_plans",
    topics=("주말 계획", "주말 약속"),
    slots={"name": NAMES, "third": NAMES, "day": _WEEKEND, "other": EVENINGS, "activity": _ACTIVITIES, "busy": _BUSY},
    opening=(
        friend_greeting("A", "B", 0.4),
        say(
            "A",
            "{name:아}, {day}에 {activity} 갈래?",
            "{name:아}, {day}에 시간 있어? {activity} 가자.",
            "{name:아}, {day}에 뭐 해? 같이 {activity} 가고 싶어.",
        ),
    ),
    outcomes=(
        outcome(
            "agreed",
            [
                say("B", "좋아! 어디서 만날까?", "좋지. 어디서 볼까?", "응, 가고 싶었어. 어디서 만나?"),
                say("A", "지하철역 앞에서 보자.", "지하철역 앞에서 만나자.", "지하철역 앞이 좋겠어."),
                say("B", "알았어. 내가 먹을 것을 가져갈게.", "그래. 끝나고 저녁도 먹자.", "응, 늦지 않게 갈게."),
                maybe(0.6, say("A", "좋아, 기대된다.", "그래, 재미있겠다.")),
            ],
            [
                "{A:과} {name:은} {day}에 지하철역 앞에서 만나 {activity} 가기로 한다.",
                "{A:은} {name:과} {day}에 {activity} 가기로 하고 지하철역 앞에서 만난다.",
            ],
        ),
        outcome(
            "busy",
            [
                say("B", "미안, {busy} 못 가.", "가고 싶은데 {busy} 안 돼.", "어쩌지? {busy} 어려울 것 같아."),
                say("A", "그렇구나. 아쉽다.", "할 수 없지, 뭐.", "그래? 그럼 다음에 가자."),
                say("B", "다음 주에는 꼭 같이 가자.", "다음에는 꼭 갈게.", "다음에는 미리 시간을 비워 둘게."),
                maybe(0.6, say("A", "그래, 괜찮아.", "응, 다음에 다시 연락할게.")),
            ],
            [
                "{A:은} {name}에게 {day}에 {activity} 가자고 하지만 {name:은} {busy} 가지 못한다.",
                "{name:은} {busy} {day}에 {A:과} {activity} 가지 못한다.",
            ],
        ),
        outcome(
            "third_joins",
            [
                say(
                    "B",
                    "나는 {busy} 안 돼. {third:이름}는 어때?",
                    "미안, 나는 {busy} 못 가. {third:아}, 너는?",
                    "나는 {busy} 어려워. {third:이름}가 같이 가면 되겠다.",
                ),
                say("C", "나는 시간 있어. 내가 같이 갈게.", "그래? 나는 갈 수 있어.", "좋아, 내가 갈게. 나도 가고 싶었어."),
                say("A", "잘됐다. 그럼 우리 둘이 가자.", "좋아, 그럼 같이 가자.", "다행이다. 그럼 그때 보자."),
            ],
            [
                "{name:은} {busy} 못 가고, {A:은} {third:과} {day}에 {activity} 가기로 한다.",
                "{name:이} 갈 수 없어서 {A:과} {third:은} {day}에 {activity} 가기로 한다.",
            ],
        ),
        outcome(
            "evening_instead",
            [
                say(
                    "B",
                    "그날 {busy} 안 되는데, {other}에 밥이나 먹을까?",
                    "{busy} 못 가. 대신 {other}에 저녁 먹는 건 어때?",
                    "{busy} 어려워. 그래도 {other}에 밥은 먹을 수 있어.",
                ),
                say("A", "좋아, 그럼 밥만 먹자.", "그래, 그것도 좋지.", "응, 그때 저녁 먹자."),
                say("B", "그래, 그때 연락할게.", "응, 내가 식당을 찾아볼게.", "좋아, 그날 전화할게."),
            ],
            [
                "{name:은} {busy} {day}에 {activity} 가지 못하고 {A:과} {other}에 저녁을 먹기로 한다.",
                "{A:과} {name:은} {activity} 가는 대신 {other}에 저녁을 먹기로 한다.",
            ],
        ),
    ),
    closing=(friend_goodbye("A", "B"),),
)

SCENES = (LANGUAGE_EXCHANGE, WEEKEND_PLANS)
