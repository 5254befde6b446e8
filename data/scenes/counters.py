"""Scenes at a counter: taking a purchase back, opening a bank account, joining a gym."""

from __future__ import annotations

from samplekit.scene import Scene, maybe, outcome, say

from scenes.phrases import full_name, phone_number, polite_thanks, staff_greeting
from scenes.pools import FULL_NAMES, HOURS, PLAIN_DAYS, PRICES, WEEKDAYS

# A purchase and its defect, spoken before 요 or 서.
_FAULTY = (
    ("셔츠", "단추가 없어"),
    ("치마", "단추가 없어"),
    ("바지", "지퍼가 안 닫혀"),
    ("코트", "지퍼가 안 닫혀"),
    ("구두", "굽이 흔들려"),
    ("운동화", "바닥이 미끄러워"),
    ("가방", "지퍼가 안 닫혀"),
    ("이어폰", "소리가 안 나"),
    ("라디오", "소리가 안 나"),
    ("시계", "자꾸 멈춰"),
    ("선풍기", "자꾸 멈춰"),
    ("우산", "잘 안 펴져"),
)

RETURN_PURCHASE = Scene(
    key="return_purchase",
    topics=("물건 환불", "환불과 교환"),
    slots={"price": PRICES, "day": PLAIN_DAYS},
    tied={("item", "fault"): _FAULTY},
    opening=(
        staff_greeting("B"),
        say(
            "A",
            "{day}에 여기서 {item:을} 샀는데 {fault}요.",
            "{day}에 산 {item:을} 가져왔어요. {fault}요.",
            "{item:을} 환불하고 싶어요. {day}에 샀는데 {fault}요.",
        ),
        say(
            "B", "그러세요? 영수증이 있으신가요?", "죄송합니다. 영수증을 보여 주시겠어요?", "불편을 드려 죄송합니다. 영수증은 가져오셨어요?"
        ),
    ),
    outcomes=(
        outcome(
            "refund",
            [
                say("A", "네, 여기 있어요.", "네, 영수증은 여기요.", "그럼요. 여기 있습니다."),
                maybe(
                    0.6,
                    say("B", "다른 물건으로 바꿔 드릴까요?", "새 물건으로 바꾸시겠어요?"),
                    say("A", "아니요, 그냥 돈으로 돌려주세요.", "아니요, 환불이 더 좋아요."),
                ),
                say("B", "{price} 환불해 드리겠습니다.", "네, {price:을} 돌려드릴게요.", "확인했습니다. {price} 환불됐습니다."),
            ],
            ["{A:은} {day}에 산 {item:이} {fault}서 {price:을} 환불받는다.", "{A:은} {item:이} {fault}서 {B}에게 {price:을} 환불받는다."],
        ),
        outcome(
            "exchange",
            [
                say("A", "네, 여기 있어요.", "네, 영수증은 여기요.", "그럼요. 여기 있습니다."),
                say(
                    "B",
                    "환불해 드릴까요, 새것으로 바꿔 드릴까요?",
                    "새 물건으로 바꾸시겠어요?",
                    "교환도 되고 환불도 됩니다. 어떻게 할까요?",
                ),
                say("A", "마음에 들어서 산 거니까 새것으로 바꿔 주세요.", "새 물건으로 교환할게요.", "그럼 새것으로 교환해 주세요."),
                say("B", "네, 잠시만 기다려 주세요.", "네, 새 물건을 가져오겠습니다.", "네, 확인하고 바꿔 드릴게요."),
            ],
            ["{A:은} {day}에 산 {item:이} {fault}서 새것으로 교환한다.", "{A:은} {item:이} {fault}서 {B}에게 새것으로 교환받는다."],
        ),
        outcome(
            "refused",
            [
                say("A", "영수증은 잃어버렸어요.", "영수증은 버렸는데요.", "아니요, 영수증이 없어요."),
                say(
                    "B",
                    "죄송하지만 영수증이 없으면 환불이 안 됩니다.",
                    "영수증이 없으면 환불해 드릴 수 없어요.",
                    "그럼 환불은 어렵습니다. 규정이 그래요.",
                ),
                maybe(
                    0.6,
                    say("A", "{price:이나} 주고 샀는데 너무해요.", "산 지 얼마 안 됐는데요."),
                    say("B", "정말 죄송합니다.", "저도 어쩔 수가 없네요."),
                ),
                say("A", "그럼 집에서 다시 찾아볼게요.", "알겠어요. 영수증을 찾으면 다시 올게요."),
            ],
            [
                "{A:은} {day}에 산 {item:이} {fault}서 환불하려 하지만 영수증이 없어서 하지 못한다.",
                "{A:은} {item:이} {fault}서 환불을 원하지만 {B:은} 영수증이 없다며 거절한다.",
            ],
        ),
    ),
    closing=(polite_thanks("A", "B", 0.6),),
)

# A kind of account and a paper the bank asks for.
_ACCOUNTS = (
    ("월급 통장", "재직 증명서"),
    ("월급 통장", "신분증"),
    ("적금 통장", "신분증"),
    ("적금 통장", "도장"),
    ("학생 통장", "학생증"),
    ("학생 통장", "신분증"),
    ("사업자 통장", "사업자 등록증"),
    ("외화 통장", "여권"),
    ("외화 통장", "신분증"),
    ("어린이 통장", "가족 관계 증명서"),
    ("어린이 통장", "도장"),
)

BANK_ACCOUNT = Scene(
    key="bank_account",
    topics=("통장 만들기", "은행 업무"),
    slots={"price": PRICES, "full": FULL_NAMES, "day": WEEKDAYS},
    tied={("account", "paper"): _ACCOUNTS},
    opening=(
        staff_greeting("B"),
        say("A", "{account:을} 만들고 싶어요.", "{account:을} 하나 만들러 왔어요.", "{account:을} 만들려고 하는데요."),
        say("B", "네, {paper:을} 가져오셨나요?", "{paper:이} 있으신가요?", "{paper:이} 필요한데 가져오셨어요?"),
    ),
    outcomes=(
        outcome(
            "opened",
            [
                say("A", "네, 여기 있습니다.", "네, 가져왔어요.", "여기 있어요."),
                full_name("B", "A", chance=0.3),
                phone_number("B", "A", 0.4),
                say("B", "처음에 얼마를 넣으시겠어요?", "오늘 얼마를 넣으실 건가요?", "얼마부터 시작하시겠어요?"),
                say("A", "{price:을} 넣을게요.", "{price}부터 할게요.", "{price} 넣어 주세요."),
                maybe(0.6, say("B", "카드도 만들어 드릴까요?"), say("A", "네, 같이 만들어 주세요.", "아니요, 카드는 괜찮아요.")),
                say("B", "네, 다 됐습니다.", "통장이 나왔습니다.", "여기 통장입니다."),
            ],
            [
                "{A:은} 은행에서 {account:을} 만들고 {price:을} 넣는다.",
                "{B:은} {A}에게 {account:을} 만들어 주고, {A:은} {price:을} 넣는다.",
            ],
        ),
        outcome(
            "missing_paper",
            [
                say("A", "아니요, 안 가져왔는데요.", "아, 집에 두고 왔어요.", "그게 필요한 줄 몰랐어요."),
                say("B", "그게 없으면 만들 수 없습니다.", "죄송하지만 그게 꼭 있어야 합니다.", "규정상 꼭 필요합니다."),
                say("A", "그럼 {day}에 가지고 다시 올게요.", "알겠어요. {day}에 다시 올게요.", "할 수 없네요. {day}에 다시 와야겠어요."),
            ],
            [
                "{A:은} {account:을} 만들려 하지만 {paper:이} 없어서 {day}에 다시 오기로 한다.",
                "{A:은} {paper:이} 없어서 {account:을} 만들지 못하고 {day}에 다시 오기로 한다.",
            ],
        ),
        outcome(
            "booked_slot",
            [
                say("A", "네, 여기 있습니다.", "네, 가져왔어요.", "여기 있어요."),
                say(
                    "B",
                    "그런데 오늘은 손님이 많아서 오래 기다리셔야 해요.",
                    "죄송한데 오늘은 대기가 두 시간이 넘습니다.",
                    "그런데 오늘은 담당자가 없습니다.",
                ),
                say("A", "그럼 {day}에 다시 올 수 있을까요?", "{day}에 오면 바로 되나요?", "그러면 {day}에 예약할 수 있나요?"),
                say("B", "네, 그날로 예약해 드릴게요.", "네, 그날 오시면 바로 됩니다. 예약해 두겠습니다."),
            ],
            [
                "{A:은} {account:을} 만들려 하지만 오늘은 어려워서 {day:으로} 예약한다.",
                "{A:은} {account:을} 만들러 {day}에 다시 오기로 예약한다.",
            ],
        ),
    ),
    closing=(polite_thanks("A", "B", 0.6),),
)

_SPORTS = ("수영", "요가", "헬스", "탁구", "배드민턴", "필라테스", "복싱", "스쿼시")
_MONTHS = ("두 달", "석 달", "넉 달", "여섯 달", "일 년")

GYM_MEMBERSHIP = Scene(
    key="gym_membership",
    topics=("체육관 등록", "운동 등록"),
    slots={"sport": _SPORTS, "months": _MONTHS, "price": PRICES, "day": WEEKDAYS, "time": HOURS, "full": FULL_NAMES},
    opening=(
        staff_greeting("B"),
        say(
            "A",
            "{sport:을} 배우고 싶은데 얼마예요?",
            "{sport:을} 시작하려고 해요. 한 달에 얼마인가요?",
            "{sport} 수업이 있나요? 가격이 궁금해요.",
        ),
        say("B", "한 달에 {price}입니다.", "네, 한 달에 {price:이에요}.", "한 달 회비는 {price}입니다."),
        maybe(
            0.6,
            say("A", "처음인데 괜찮을까요?", "저는 운동을 잘 못하는데요."),
            say("B", "그럼요. 처음부터 가르쳐 드려요.", "걱정 마세요. 초보자 반이 있습니다."),
        ),
    ),
    outcomes=(
        outcome(
            "joined",
            [
                say("A", "그럼 {months} 등록할게요.", "좋아요. {months} 신청해 주세요.", "{months} 하겠습니다."),
                full_name("B", "A", chance=0.3),
                phone_number("B", "A", 0.3),
                say("B", "{day}부터 나오시면 됩니다.", "네, {day}부터 시작합니다.", "등록됐습니다. {day}에 첫 수업이 있어요."),
            ],
            [
                "{A:은} {sport:을} {months} 등록하고 {day}부터 시작하기로 한다.",
                "{A:은} 한 달에 {price:을} 내고 {day}부터 {sport:을} 배우기로 한다.",
            ],
        ),
        outcome(
            "trial",
            [
                say(
                    "A", "먼저 한번 해 보고 결정해도 될까요?", "등록하기 전에 한번 해 볼 수 있나요?", "무료로 해 볼 수 있는 수업이 있나요?"
                ),
                say(
                    "B",
                    "네, {day} {time}에 무료 수업이 있습니다.",
                    "그럼요. {day} {time}에 무료로 해 보세요.",
                    "네, {day} {time}에 오시면 무료예요.",
                ),
                say("A", "그럼 그때 와 볼게요.", "좋아요. 그 시간에 올게요.", "네, 해 보고 결정할게요."),
            ],
            [
                "{A:은} {sport:을} 등록하기 전에 {day} {time}에 무료 수업을 받기로 한다.",
                "{A:은} {day} {time}에 무료로 {sport:을} 해 보고 결정하기로 한다.",
            ],
        ),
        outcome(
            "too_dear",
            [
                say("A", "생각보다 비싸네요. 할인은 없나요?", "조금 비싼데 깎아 주실 수 있어요?", "학생 할인이 되나요?"),
                say(
                    "B",
                    "{months} 이상 등록하시면 할인이 됩니다.",
                    "{months}부터 할인해 드려요.",
                    "한 번에 {months:을} 등록해야 할인됩니다.",
                ),
                say("A", "그건 너무 길어요. 좀 더 생각해 볼게요.", "그렇게 오래는 못 해요. 다음에 올게요.", "그럼 다른 곳도 알아볼게요."),
            ],
            [
                "{A:은} {sport:을} 배우려 하지만 한 달에 {price:이라} 비싸서 등록하지 않는다.",
                "{A:은} {sport} 회비 {price:이} 비싸고 할인은 {months}부터라서 등록하지 않는다.",
            ],
        ),
    ),
    closing=(polite_thanks("A", "B", 0.6),),
)

SCENES = (RETURN_PURCHASE, BANK_ACCOUNT, GYM_MEMBERSHIP)
