"""Scenes about broken things: a telephone, a car."""

from __future__ import annotations

from samplekit.scene import Scene, maybe, outcome, say

from scenes.phrases import full_name, phone_number, polite_thanks, staff_greeting
from scenes.pools import FULL_NAMES, HOURS, PRICES, WEEKDAYS

_PHONE_FAULTS = (
    "화면이 깨져",
    "화면이 안 켜져",
    "소리가 안 나",
    "충전이 안 돼",
    "물에 빠져",
    "자꾸 꺼져",
    "카메라가 고장 나",
    "버튼이 안 눌려",
)

PHONE_REPAIR = Scene(
    key="phone_repair",
    topics=("휴대폰 수리",),
    slots={"fault": _PHONE_FAULTS, "price": PRICES, "day": WEEKDAYS, "time": HOURS, "full": FULL_NAMES},
    opening=(
        staff_greeting("B"),
        say("A", "휴대폰이 {fault}서 왔어요.", "제 휴대폰이 {fault}서 수리하고 싶어요.", "휴대폰 수리 때문에 왔어요. {fault}서요."),
        maybe(
            0.6,
            say("B", "어쩌다 그렇게 됐나요?", "왜 그렇게 됐는지 아세요?"),
            say("A", "잘 모르겠어요. 어제 갑자기 그랬어요.", "며칠 전에 한 번 떨어뜨렸어요."),
        ),
        say("B", "살펴보니 수리비가 {price}쯤 나오겠네요.", "수리하려면 {price:이} 듭니다.", "확인했습니다. 수리비는 {price}입니다."),
    ),
    outcomes=(
        outcome(
            "left",
            [
                say(
                    "A",
                    "네, 고쳐 주세요. 언제 찾을 수 있나요?",
                    "그럼 맡길게요. 얼마나 걸려요?",
                    "괜찮네요. 수리해 주세요. 언제 오면 될까요?",
                ),
                say("B", "{day} {time}에 찾으러 오세요.", "{day} {time}까지 고쳐 놓겠습니다.", "{day} {time} 이후에 오시면 됩니다."),
                full_name("B", "A", chance=0.4),
            ],
            [
                "{A:은} 휴대폰이 {fault}서 수리를 맡기고 {day} {time}에 찾기로 한다.",
                "{A:은} 휴대폰이 {fault}서 {price}에 수리를 맡기고 {day}에 찾기로 한다.",
            ],
        ),
        outcome(
            "too_dear",
            [
                say("A", "{price:이요}? 너무 비싸네요.", "생각보다 비싸네요.", "그렇게 비싸요?"),
                say("B", "부품값이 올라서 그렇습니다.", "부품을 새로 바꿔야 해서요.", "저희도 부품을 사 와야 해서요."),
                say("A", "그럼 수리하지 않고 새로 살게요.", "차라리 새 휴대폰을 사는 게 낫겠어요.", "그 돈이면 새로 사는 게 좋겠네요."),
            ],
            [
                "{A:은} 휴대폰이 {fault}서 왔지만 수리비 {price:이} 비싸서 새로 사기로 한다.",
                "{A:은} 휴대폰이 {fault}서 왔지만 수리비가 {price:이라} 새로 사기로 한다.",
            ],
        ),
        outcome(
            "free",
            [
                say(
                    "A",
                    "산 지 석 달밖에 안 됐는데 돈을 내야 하나요?",
                    "아직 보증 기간인데 무료가 아닌가요?",
                    "보증서가 있는데 그래도 돈을 내요?",
                ),
                say(
                    "B",
                    "아, 보증 기간이면 무료로 해 드립니다.",
                    "그렇군요. 그럼 돈을 안 내셔도 됩니다.",
                    "확인해 보니 보증 기간이네요. 무료입니다.",
                ),
                say("B", "{day} {time}에 찾으러 오세요.", "{day} {time}까지 고쳐 놓겠습니다.", "{day} {time} 이후에 오시면 됩니다."),
            ],
            [
                "{A:은} 휴대폰이 {fault}서 무료로 수리를 맡기고 {day} {time}에 찾기로 한다.",
                "{A}의 휴대폰이 {fault}서 {B:은} 무료로 고쳐 주고, {A:은} {day} {time}에 찾기로 한다.",
            ],
        ),
    ),
    closing=(polite_thanks("A", "B", 0.6),),
)

# A fault, spoken before 요 or 서, and a part that may cause it.
_CAR_FAULTS = (
    ("시동이 안 걸려", "배터리"),
    ("시동이 안 걸려", "점화 플러그"),
    ("브레이크에서 소리가 나", "브레이크 패드"),
    ("와이퍼가 안 움직여", "와이퍼 모터"),
    ("에어컨이 안 돼", "에어컨 필터"),
    ("에어컨에서 냄새가 나", "에어컨 필터"),
    ("엔진에서 소리가 나", "엔진 벨트"),
    ("엔진에서 소리가 나", "점화 플러그"),
    ("자꾸 흔들려", "점화 플러그"),
    ("힘이 없어", "연료 필터"),
    ("자꾸 멈춰", "연료 필터"),
    ("자꾸 멈춰", "배터리"),
)

CAR_SERVICE = Scene(
    key="car_service",
    topics=("자동차 수리", "자동차 정비"),
    slots={"price": PRICES, "day": WEEKDAYS, "time": HOURS},
    tied={("fault", "part"): _CAR_FAULTS},
    opening=(
        staff_greeting("B"),
        say("A", "제 차가 {fault}서 왔어요.", "차가 {fault}서 좀 봐 주세요.", "차를 고치러 왔어요. {fault}서요."),
        maybe(
            0.6,
            say("B", "언제 마지막으로 점검하셨어요?", "차를 산 지 얼마나 됐나요?"),
            say("A", "일 년쯤 된 것 같아요.", "잘 모르겠어요. 꽤 됐어요."),
        ),
        say(
            "B",
            "보니까 {part:을} 바꿔야겠네요. {price:이} 듭니다.",
            "{part:이} 문제네요. 바꾸는 데 {price}입니다.",
            "{part:을} 바꿔야 합니다. 비용은 {price:이에요}.",
        ),
    ),
    outcomes=(
        outcome(
            "repair",
            [
                say("A", "네, 바꿔 주세요. 언제 끝나요?", "그럼 해 주세요. 얼마나 걸릴까요?", "어쩔 수 없죠. 고쳐 주세요. 언제 올까요?"),
                say("B", "{day} {time}에 찾으러 오세요.", "{day} {time}까지 해 놓겠습니다.", "{day} {time}에 오시면 됩니다."),
                phone_number("B", "A", 0.3),
            ],
            [
                "{A:은} 차가 {fault}서 {part:을} 바꾸고 {day} {time}에 찾기로 한다.",
                "{A:은} 차가 {fault}서 {price:을} 내고 {part:을} 바꾸기로 한다.",
            ],
        ),
        outcome(
            "later",
            [
                say("A", "지금은 돈이 없는데 나중에 해도 될까요?", "꼭 지금 해야 하나요?", "월급을 받고 나서 하면 안 될까요?"),
                say(
                    "B",
                    "며칠은 괜찮지만 너무 늦으면 위험해요.",
                    "급하지는 않지만 빨리 하시는 게 좋아요.",
                    "조심해서 타시면 며칠은 괜찮습니다.",
                ),
                say("A", "그럼 {day}에 다시 올게요.", "{day}에 바꾸러 오겠습니다.", "{day}에 예약해 주세요. 그때 할게요."),
            ],
            [
                "{A:은} 차가 {fault}서 {part:을} 바꿔야 하지만 {day}에 다시 오기로 한다.",
                "{B:은} {price:을} 들여 {part:을} 바꿔야 한다고 하고, {A:은} {day}에 다시 오기로 한다.",
            ],
        ),
        outcome(
            "cleaned",
            [
                say("A", "바꾼 지 얼마 안 됐는데요.", "지난달에 새로 바꿨는데 이상하네요.", "그건 얼마 전에 바꿨어요."),
                say(
                    "B",
                    "다시 볼게요. 아, 청소만 하면 되겠네요.",
                    "그래요? 아, 먼지 때문이네요. 청소만 하면 됩니다.",
                    "다시 보니 청소만 해도 되겠습니다.",
                ),
                say("A", "다행이에요. 얼마예요?", "그럼 청소만 해 주세요. 얼마죠?"),
                say("B", "그건 무료입니다.", "돈은 안 받을게요.", "무료로 해 드리겠습니다."),
            ],
            [
                "{A:은} 차가 {fault}서 왔는데 {part:은} 바꾸지 않고 무료로 청소만 한다.",
                "{B:은} {price:을} 들여 {part:을} 바꾸라고 하다가 무료로 청소만 해 준다.",
            ],
        ),
    ),
    closing=(polite_thanks("A", "B", 0.6),),
)

SCENES = (PHONE_REPAIR, CAR_SERVICE)
