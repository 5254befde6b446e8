"""Scenes about eating: booking a table, ordering a cake, asking how to cook."""

from __future__ import annotations

from samplekit.scene import Scene, maybe, outcome, say

from scenes.phrases import (
    call_greeting,
    call_thanks,
    friend_greeting,
    friend_thanks,
    full_name,
    phone_number,
    polite_thanks,
    staff_greeting,
)
from scenes.pools import DAYS, EVENINGS, FULL_NAMES, GROUPS, HOURS, NAMES, WEEKDAYS

_TABLE_REQUEST = say(
    "A",
    "{day} {time}에 {people} 자리를 예약하고 싶어요.",
    "{day} {time}에 {people} 예약할 수 있을까요?",
    "예약 좀 하려고 하는데요. {day} {time}, {people}입니다.",
    "{people}인데 {day} {time}에 자리가 있나요?",
)
_TABLE_FULL = say(
    "B",
    "죄송하지만 그 시간에는 자리가 없습니다.",
    "죄송합니다. 그때는 예약이 다 찼어요.",
    "아쉽지만 그 시간에는 빈자리가 없네요.",
)

RESTAURANT_BOOKING = Scene(
    key="restaurant_booking",
    topics=("식당 예약", "식당 예약 전화"),
    slots={"day": DAYS, "time": EVENINGS, "other": EVENINGS, "people": GROUPS, "full": FULL_NAMES},
    opening=(call_greeting("B", "한빛식당", 0.8), _TABLE_REQUEST),
    outcomes=(
        outcome(
            "booked",
            [
                say("B", "네, 자리가 있습니다.", "잠시만요. 네, 그 시간에 가능합니다.", "확인해 보니 예약 가능하세요."),
                full_name("B", "A", chance=1.0),
                phone_number("B", "A"),
                maybe(
                    0.6,
                    say("A", "창가 자리로 부탁드려도 될까요?", "조용한 자리면 좋겠어요."),
                    say("B", "네, 그렇게 준비하겠습니다.", "네, 가능하면 그렇게 해 드릴게요."),
                ),
                say("B", "예약됐습니다. 그날 뵙겠습니다.", "예약이 끝났습니다. 시간 맞춰 오세요.", "예약해 두었습니다."),
            ],
            ["{A:은} {day} {time}에 {people} 자리를 예약한다.", "{A:은} {B}의 식당에 {day} {time}, {people} 자리를 예약한다."],
        ),
        outcome(
            "other_time",
            [
                _TABLE_FULL,
                say("B", "{other:은} 어떠세요?", "대신 {other}에는 가능한데 괜찮으세요?", "{other:이면} 자리가 있습니다."),
                say("A", "그럼 그 시간으로 해 주세요.", "네, 그때도 괜찮아요. 그렇게 할게요.", "음, 좋아요. 그걸로 예약해 주세요."),
                full_name("B", "A"),
                phone_number("B", "A"),
                say("B", "네, 예약됐습니다.", "네, 그렇게 예약해 두겠습니다.", "예약이 끝났습니다."),
            ],
            [
                "{day} {time}에는 자리가 없어서 {A:은} {other}에 {people} 자리를 예약한다.",
                "{A:은} {day} {time}에 자리가 없어 {other:으로} {people} 자리를 예약한다.",
            ],
        ),
        outcome(
            "given_up",
            [
                _TABLE_FULL,
                say("B", "{other:은} 어떠세요?", "대신 {other}에는 가능한데 괜찮으세요?", "{other:이면} 자리가 있습니다."),
                say(
                    "A",
                    "그 시간은 안 돼요. 다른 식당을 찾아볼게요.",
                    "그때는 어려워요. 다음에 다시 전화할게요.",
                    "아니요, 그때는 일이 있어요. 이번에는 포기할게요.",
                ),
                say("B", "네, 죄송합니다.", "네, 도움을 못 드려 죄송합니다."),
            ],
            [
                "{A:은} {day} {time}에 {people} 자리를 예약하려 하지만 자리가 없어서 포기한다.",
                "{A:은} {day} {time}에 {people} 자리를 원하지만 자리가 없어 예약하지 못한다.",
            ],
        ),
    ),
    closing=(call_thanks("A", "B", 0.6),),
)

_CAKES = ("딸기 케이크", "초콜릿 케이크", "치즈 케이크", "당근 케이크", "고구마 케이크", "녹차 케이크")
_CAKE_REASONS = ("어머니 생신", "아버지 생신", "딸 생일", "아들 생일", "결혼기념일", "친구 생일")
_CAKE_REQUEST = say(
    "A",
    "{reason}에 쓸 {cake:을} 주문하고 싶어요.",
    "{cake} 주문되나요? {reason}에 쓰려고요.",
    "{reason} 때문에 {cake:을} 하나 주문하려고 해요.",
)

CAKE_ORDER = Scene(
    key="cake_order",
    topics=("케이크 주문",),
    slots={"cake": _CAKES, "reason": _CAKE_REASONS, "day": DAYS, "time": HOURS},
    opening=(
        staff_greeting("B"),
        _CAKE_REQUEST,
        say("B", "네, 언제 필요하세요?", "네, 언제까지 준비해 드릴까요?", "가능합니다. 며칠에 필요하신가요?"),
        say("A", "{day} {time:이요}.", "{day} {time}까지 필요해요.", "{day} {time}에 있어야 해요."),
    ),
    outcomes=(
        outcome(
            "pick_up",
            [
                say(
                    "B", "그럼 그 시간에 가게로 찾으러 오시겠어요?", "찾으러 오실 수 있나요?", "그때까지 만들어 두겠습니다. 직접 오시나요?"
                ),
                say("A", "네, 제가 직접 찾으러 갈게요.", "네, 가게로 가지러 올게요.", "그럼요. 시간에 맞춰 찾으러 올게요."),
                maybe(
                    0.6, say("B", "초는 몇 개 드릴까요?", "초도 필요하세요?"), say("A", "큰 것 다섯 개만 주세요.", "작은 것 세 개 주세요.")
                ),
                phone_number("B", "A"),
                say("B", "네, 준비해 두겠습니다.", "네, 예쁘게 만들어 두겠습니다."),
            ],
            [
                "{A:은} {reason}에 쓸 {cake:을} 주문하고 {day} {time}에 찾으러 가기로 한다.",
                "{A:은} {reason} 때문에 {cake:을} 주문하고 {day} {time}에 가게에서 찾기로 한다.",
            ],
        ),
        outcome(
            "delivered",
            [
                say(
                    "B", "그럼 그 시간에 가게로 찾으러 오시겠어요?", "찾으러 오실 수 있나요?", "그때까지 만들어 두겠습니다. 직접 오시나요?"
                ),
                say("A", "제가 바빠서요. 배달해 주실 수 있나요?", "아니요, 집으로 배달해 주세요.", "가기가 어려운데 배달도 되나요?"),
                say("B", "네, 주소를 알려 주세요.", "그럼요. 주소가 어떻게 되세요?", "네, 배달비는 3천 원입니다. 주소를 말씀해 주세요."),
                say("A", "#Address#입니다.", "#Address#로 보내 주세요."),
                phone_number("B", "A", 0.3),
                say("B", "네, 시간에 맞춰 배달해 드릴게요.", "네, 늦지 않게 보내 드리겠습니다."),
            ],
            [
                "{A:은} {reason}에 쓸 {cake:을} 주문하고 {day} {time}에 배달받기로 한다.",
                "{A:은} {reason} 때문에 {cake:을} 주문하고 {day} {time}에 배달해 달라고 한다.",
            ],
        ),
        outcome(
            "too_late",
            [
                say(
                    "B",
                    "죄송하지만 그때까지는 만들 수 없습니다.",
                    "어쩌죠? 그날은 주문이 다 찼어요.",
                    "죄송합니다. 그날은 주문이 너무 많아요.",
                ),
                say("A", "꼭 그때 필요한데요.", "그럼 안 되는데, 방법이 없을까요?", "아, 그래요? 큰일이네요."),
                say("B", "죄송합니다. 다른 가게에 알아보셔야 할 것 같아요.", "정말 죄송합니다. 이번에는 어렵겠습니다."),
                say("A", "할 수 없죠. 다른 곳을 찾아볼게요.", "네, 그럼 다른 가게에 가 볼게요."),
            ],
            [
                "{A:은} {day} {time}까지 {cake:을} 주문하려 하지만 주문이 많아서 하지 못한다.",
                "{A:은} {reason}에 쓸 {cake:을} {day} {time}까지 받고 싶어 하지만 주문하지 못한다.",
            ],
        ),
    ),
    closing=(polite_thanks("A", "B", 0.6),),
)

# Dish, what went wrong (spoken before 서), the remedy (a stem spoken before 면).
_COOKING = (
    ("김치찌개", "너무 짜", "물을 조금 더 넣으"),
    ("미역국", "너무 짜", "물을 조금 더 넣으"),
    ("된장찌개", "너무 싱거워", "된장을 더 넣으"),
    ("불고기", "너무 질겨", "배를 갈아 넣으"),
    ("갈비찜", "너무 질겨", "오래 끓이"),
    ("떡볶이", "너무 매워", "설탕을 조금 넣으"),
    ("닭볶음탕", "너무 매워", "감자를 더 넣으"),
    ("비빔국수", "너무 매워", "참기름을 넣으"),
    ("생선조림", "비린내가 나", "생강을 넣으"),
    ("고등어구이", "비린내가 나", "레몬을 뿌리"),
    ("볶음밥", "너무 질어", "센 불에 더 볶으"),
    ("카레", "너무 싱거워", "간장을 조금 넣으"),
)

COOKING_ADVICE = Scene(
    key="cooking_advice",
    topics=("요리 조언", "요리 방법"),
    slots={"name": NAMES, "day": WEEKDAYS},
    tied={("dish", "problem", "remedy"): _COOKING},
    opening=(
        friend_greeting("A", "B"),
        say(
            "A",
            "{name:아}, 내가 만든 {dish:이} {problem}.",
            "{name:아}, {dish:을} 만들었는데 {problem}.",
            "{name:아}, 도와줘. {dish:을} 했는데 {problem}.",
        ),
    ),
    outcomes=(
        outcome(
            "try_now",
            [
                say("B", "그래? 그럴 때는 {remedy}면 돼.", "걱정하지 마. {remedy}면 괜찮아져.", "내가 알아. {remedy}면 맛있어져."),
                say("A", "그렇구나. 집에 있으니까 지금 해 볼게.", "정말? 바로 그렇게 해 볼게.", "아, 그 방법이 있었네. 지금 해 봐야겠다."),
                maybe(
                    0.6,
                    say("B", "조금씩 하면서 맛을 봐.", "한 번에 많이 하지는 마."),
                    say("A", "응, 맛을 보면서 할게.", "알았어, 조심할게."),
                ),
                say("B", "해 보고 어떤지 알려 줘.", "잘되면 사진 보내 줘.", "다음에 나도 한번 먹어 보자."),
            ],
            [
                "{A:이} 만든 {dish:이} {problem}서 {name:은} {remedy}면 된다고 알려 준다.",
                "{A:은} {dish:이} {problem}서 고민하고, {name:은} {remedy}면 된다고 말한다.",
            ],
        ),
        outcome(
            "learn_together",
            [
                say(
                    "B",
                    "그럴 때는 {remedy}면 되는데, 말로는 어려워.",
                    "{remedy}면 괜찮아지는데, 직접 봐야 알아.",
                    "{remedy}면 돼. 그런데 처음에는 좀 어려워.",
                ),
                say("A", "그럼 나한테 직접 가르쳐 줄 수 있어?", "시간 있을 때 같이 만들어 줄래?", "네가 하는 걸 보고 배우고 싶어."),
                say(
                    "B",
                    "좋아. {day}에 우리 집에서 같이 만들자.",
                    "그래, {day}에 우리 집으로 와. 같이 하자.",
                    "그럼 {day}에 만나서 같이 해 보자.",
                ),
                say("A", "좋아, 재료는 내가 사 갈게.", "응, 꼭 갈게.", "와, 기대된다."),
            ],
            [
                "{A:이} 만든 {dish:이} {problem}서 {name:은} {day}에 같이 만들자고 한다.",
                "{A:은} {dish:이} {problem}서 고민하고, {name:과} {day}에 같이 만들기로 한다.",
            ],
        ),
    ),
    closing=(friend_thanks("A", "B", 0.5),),
)

SCENES = (RESTAURANT_BOOKING, CAKE_ORDER, COOKING_ADVICE)
