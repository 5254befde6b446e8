"""Scenes between friends over things: a present for a third, something lent."""

from __future__ import annotations

from samplekit.scene import Scene, maybe, outcome, say

from scenes.phrases import friend_goodbye, friend_greeting, friend_thanks
from scenes.pools import DAYS, NAMES, PRICES

_PRESENTS = ("향수", "목도리", "장갑", "꽃다발", "책", "지갑", "모자", "화분", "머그잔", "스카프")

BIRTHDAY_PRESENT = Scene(
    key="birthday_present",
    topics=("생일 선물", "생일 선물 고르기"),
    slots={"friend": NAMES, "name": NAMES, "gift": _PRESENTS, "other": _PRESENTS, "price": PRICES, "day": DAYS},
    opening=(
        friend_greeting("A", "B"),
        say(
            "A",
            "{name:아}, {day}에 {friend:이름} 생일인데 뭘 사 주면 좋을까?",
            "{name:아}, {day:이} {friend:이름} 생일이야. 선물로 뭐가 좋을까?",
            "{friend:이름} 생일이 {day}인데 선물을 못 골랐어. {name:아}, 뭐가 좋을까?",
        ),
    ),
    outcomes=(
        outcome(
            "agreed",
            [
                say("B", "{gift} 어때? 좋아할 것 같은데.", "내 생각에는 {gift:이} 좋겠어.", "{gift:을} 사 주는 게 어때?"),
                say("A", "좋은 생각이야. 그걸로 할게.", "아, 그거 좋겠다. 그렇게 할게.", "그래, 마음에 들어 하겠다. 그걸 사야지."),
                say("B", "잘 생각했어.", "분명히 좋아할 거야.", "응, 잘 어울릴 거야."),
                maybe(0.6, say("B", "얼마까지 쓸 수 있어?", "돈은 얼마나 있어?"), say("A", "{price} 정도.", "{price}까지는 괜찮아.")),
            ],
            [
                "{A:은} {name}의 말을 듣고 {friend}의 생일 선물로 {gift:을} 사기로 한다.",
                "{name:은} {A}에게 {friend}의 생일 선물로 {gift:을} 사라고 한다.",
            ],
        ),
        outcome(
            "other_gift",
            [
                say("B", "{gift} 어때? 좋아할 것 같은데.", "내 생각에는 {gift:이} 좋겠어.", "{gift:을} 사 주는 게 어때?"),
                say("A", "그건 작년에 줬어.", "그건 이미 많이 있더라.", "그건 별로 안 좋아할 것 같아."),
                say("B", "그럼 {other:은} 어때?", "그럼 {other:이} 낫겠다.", "그러면 {other:을} 사 줘."),
                say("A", "그게 좋겠다. 그걸로 살게.", "응, 그건 좋아하겠다. 그걸로 할게.", "좋아, 그걸로 정했어."),
            ],
            [
                "{A:은} {name}의 말을 듣고 {friend}의 생일 선물로 {other:을} 사기로 한다.",
                "{name:은} {A}에게 {friend}의 생일 선물로 {gift} 대신 {other:을} 사라고 한다.",
            ],
        ),
        outcome(
            "together",
            [
                say(
                    "B",
                    "나도 아직 못 샀어. 우리 같이 살까?",
                    "나도 고민이었는데 돈을 모아서 같이 사자.",
                    "같이 사는 건 어때? 나도 선물이 없거든.",
                ),
                say("A", "좋아. 뭘 살까?", "그거 좋다. 그럼 뭐로 할까?", "그래, 같이 사면 좋은 걸 살 수 있겠네. 뭐가 좋을까?"),
                say(
                    "B",
                    "반씩 내서 {price}짜리 {gift:을} 사자.",
                    "{price}짜리 {gift} 어때? 반씩 내자.",
                    "{price} 정도 하는 {gift:이} 있던데 그걸 반씩 내서 사자.",
                ),
                say("A", "응, 좋아.", "그래, 그렇게 하자.", "좋아, 그거면 되겠다."),
            ],
            [
                "{A:과} {name:은} {friend}의 생일 선물로 {gift:을} 같이 사기로 한다.",
                "{A:과} {name:은} 돈을 모아 {friend}에게 {price}짜리 {gift:을} 사 주기로 한다.",
            ],
        ),
    ),
    closing=(friend_thanks("A", "B", 0.3),),
)

_LENT = ("소설책", "만화책", "우산", "노트북", "자전거", "텐트", "카메라", "사전", "기타", "캠핑 의자")

BORROWED_THING = Scene(
    key="borrowed_thing",
    topics=("빌린 물건", "빌린 물건 돌려주기"),
    slots={
        "name": NAMES,
        "thing": _LENT,
        "day": DAYS,
        "place": ("학교", "회사", "카페", "도서관", "지하철역"),
        "since": ("지난주", "지난달", "저번 주말", "며칠 전", "두 달 전"),
    },
    opening=(
        friend_greeting("A", "B"),
        say(
            "A",
            "{name:아}, {since}에 빌려 간 내 {thing} 어떻게 됐어?",
            "{name:아}, {since}에 빌려 준 {thing:을} 이제 돌려줄래?",
            "{name:아}, {since}에 빌려 간 {thing} 다 썼어?",
        ),
    ),
    outcomes=(
        outcome(
            "gives_back",
            [
                say("B", "아, 미안해. 깜빡했어.", "아차, 잊고 있었네.", "미안, 계속 생각은 했는데."),
                say("A", "괜찮아. 언제 줄 수 있어?", "내가 필요해서 그래. 언제 돌려줄 수 있어?"),
                say("B", "{day}에 {place}에서 줄게.", "{day}에 {place:으로} 가지고 갈게.", "{day}에 {place}에서 만나서 돌려줄게."),
                say("A", "응, 그때 보자.", "알았어. 잊지 마.", "그래, 꼭 가져와."),
            ],
            [
                "{name:은} {A}에게 빌린 {thing:을} {day}에 {place}에서 돌려주기로 한다.",
                "{name:은} {since}에 빌린 {thing:을} {day}에 {A}에게 돌려주기로 한다.",
            ],
        ),
        outcome(
            "lost",
            [
                say("B", "정말 미안해. 사실은 잃어버렸어.", "어떡하지? 잃어버린 것 같아.", "말하기 어려웠는데, 그거 잃어버렸어."),
                say("A", "뭐? 나한테 소중한 건데.", "정말? 어디서 잃어버렸어?", "진짜? 선물로 받은 건데."),
                say("B", "{day}까지 새것으로 사 줄게.", "똑같은 걸로 {day}까지 사 줄게. 미안해.", "{day}까지 같은 걸 사서 줄게."),
                say("A", "알았어. 다음부터는 조심해.", "그래, 꼭 사 줘.", "휴, 할 수 없지."),
            ],
            [
                "{name:은} {A}에게 빌린 {thing:을} 잃어버려서 {day}까지 새로 사 주기로 한다.",
                "{name:이} {since}에 빌린 {thing:을} 잃어버려서 {day}까지 새로 사 주겠다고 한다.",
            ],
        ),
        outcome(
            "keeps_longer",
            [
                say("B", "조금만 더 쓰면 안 될까?", "아직 필요한데 더 써도 돼?", "미안한데 조금 더 빌려 줄 수 있어?"),
                say("A", "언제까지 필요한데?", "얼마나 더 필요해?"),
                say("B", "{day}까지만 쓸게.", "{day}까지면 돼.", "{day}에는 꼭 돌려줄게."),
                say("A", "그래, 그때까지 써.", "좋아, 난 지금 필요 없으니까.", "알았어. 그 대신 조심해서 써."),
            ],
            [
                "{name:은} {A}에게 빌린 {thing:을} {day}까지 더 쓰기로 한다.",
                "{A:은} {name}에게 {since}에 빌려 준 {thing:을} {day}까지 더 쓰게 해 준다.",
            ],
        ),
    ),
    closing=(friend_goodbye("A", "B", 0.4),),
)

SCENES = (BIRTHDAY_PRESENT, BORROWED_THING)
