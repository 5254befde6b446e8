"""Scenes far from home: lost luggage, a changed flight, a hotel desk."""

from __future__ import annotations

from samplekit.scene import Scene, maybe, outcome, say

from scenes.phrases import call_greeting, call_thanks, full_name, phone_number, polite_thanks, staff_greeting
from scenes.pools import CITIES, DAYS, DURATIONS, FULL_NAMES, PRICES

_COLOURS = ("검은색", "파란색", "빨간색", "회색", "갈색", "초록색")
_BAGS = ("여행 가방", "배낭", "손가방", "서류 가방", "운동 가방")

LOST_LUGGAGE = Scene(
    key="lost_luggage",
    topics=("잃어버린 짐", "짐 분실 신고"),
    slots={"colour": _COLOURS, "bag": _BAGS, "city": CITIES, "day": DAYS, "price": PRICES},
    opening=(
        staff_greeting("B"),
        say(
            "A",
            "{city}에서 왔는데 제 가방이 안 나왔어요.",
            "{city}에서 방금 도착했는데 짐이 없어요.",
            "제 짐을 못 찾겠어요. {city}에서 왔어요.",
        ),
        say("B", "어떻게 생긴 가방인가요?", "어떤 색이고 어떤 가방인가요?", "죄송합니다. 어떤 짐인지 말씀해 주세요."),
        say("A", "{colour} {bag:이에요}.", "{colour} {bag}입니다.", "{bag}인데 {colour}이에요."),
    ),
    outcomes=(
        outcome(
            "sent_later",
            [
                say(
                    "B",
                    "확인해 보니 아직 {city}에 있네요.",
                    "아, 그 짐은 아직 출발을 안 했습니다.",
                    "찾았습니다. 그런데 아직 {city}에 있어요.",
                ),
                say("A", "그럼 언제 받을 수 있나요?", "언제 오나요?", "큰일이네요. 언제 받을 수 있어요?"),
                say(
                    "B",
                    "{day}에 계신 곳으로 보내 드리겠습니다.",
                    "{day}까지 댁으로 보내 드릴게요.",
                    "{day}에 도착합니다. 주소로 보내 드리겠습니다.",
                ),
                say("A", "주소는 #Address#입니다.", "네, #Address#로 보내 주세요.", "그럼 #Address#로 부탁드려요."),
                phone_number("B", "A", 0.4),
            ],
            [
                "{A:은} {city}에서 온 뒤 {colour} {bag:을} 찾지 못해 {day}에 받기로 한다.",
                "{A}의 {colour} {bag:이} 도착하지 않아 {B:은} {day}에 보내 주겠다고 한다.",
            ],
        ),
        outcome(
            "found",
            [
                say(
                    "B",
                    "잠시만요. 아, 저쪽에 있는 저건가요?",
                    "혹시 이 가방인가요? 조금 전에 들어왔어요.",
                    "여기 비슷한 게 하나 있는데 확인해 보세요.",
                ),
                say("A", "네, 맞아요. 제 거예요.", "아, 바로 그거예요. 찾았네요.", "맞아요! 다행이에요."),
                say("B", "다른 분이 잘못 가져갔다가 놓고 가셨어요.", "누가 잘못 들고 가셨나 봐요.", "다른 손님이 착각하신 것 같습니다."),
            ],
            ["{A:은} {city}에서 온 뒤 없어진 {colour} {bag:을} {B}의 도움으로 찾는다.", "{B:은} {A}의 {colour} {bag:을} 찾아 준다."],
        ),
        outcome(
            "report",
            [
                say("B", "확인해 봤는데 어디에 있는지 모르겠습니다.", "죄송합니다. 저희도 찾을 수가 없네요.", "지금은 위치가 안 나옵니다."),
                say("A", "그럼 어떻게 하죠?", "못 찾으면 어떻게 되나요?", "안에 중요한 게 많은데 어떡하죠?"),
                say(
                    "B",
                    "신고서를 써 주세요. {day}까지 못 찾으면 {price:을} 드립니다.",
                    "우선 신고하시고, {day}까지 못 찾으면 {price:을} 보상해 드립니다.",
                ),
                phone_number("B", "A", 0.5),
            ],
            [
                "{A:은} {colour} {bag:을} 잃어버려 신고하고, {day}까지 못 찾으면 {price:을} 받기로 한다.",
                "{A:이} {colour} {bag:을} 잃어버리자 {B:은} {day}까지 못 찾으면 {price:을} 준다고 한다.",
            ],
        ),
    ),
    closing=(polite_thanks("A", "B", 0.6),),
)

_FLIGHT_REASONS = ("회의가 생겨", "몸이 아파", "일이 늦게 끝날 것 같아", "가족이 아파", "일정이 바뀌어", "시험이 있어")
_FLIGHT_REQUEST = say(
    "A",
    "{day} {city:으로} 가는 비행기를 바꾸고 싶어요. {reason}서요.",
    "{reason}서 그러는데, {day} {city} 가는 비행기를 바꿀 수 있을까요?",
    "{day} {city}행 표가 있는데 {reason}서 바꾸려고요.",
)

FLIGHT_CHANGE = Scene(
    key="flight_change",
    topics=("비행기 표 변경", "항공권 변경"),
    slots={
        "city": ("제주", "도쿄", "파리", "런던", "방콕", "뉴욕", "싱가포르", "베이징"),
        "day": DAYS,
        "other": DAYS,
        "price": PRICES,
        "reason": _FLIGHT_REASONS,
        "full": FULL_NAMES,
    },
    opening=(
        call_greeting("B", "하늘항공"),
        _FLIGHT_REQUEST,
        full_name("B", "A", chance=0.5),
        maybe(
            0.35,
            say("B", "여권 번호를 말씀해 주시겠어요?", "여권 번호가 어떻게 되세요?"),
            say("A", "#PassportNumber#입니다.", "#PassportNumber#예요."),
        ),
    ),
    outcomes=(
        outcome(
            "changed",
            [
                say("B", "언제로 바꿔 드릴까요?", "네, 며칠로 바꾸시겠어요?", "원하시는 날이 언제인가요?"),
                say("A", "{other:으로} 해 주세요.", "{other:이면} 좋겠어요.", "{other}에 가고 싶어요."),
                say("B", "바꾸시려면 {price:을} 내셔야 합니다.", "가능합니다. 수수료는 {price}입니다.", "네, {price:을} 더 내시면 됩니다."),
                say("A", "네, 낼게요.", "알겠어요. 그렇게 해 주세요.", "괜찮아요. 바꿔 주세요."),
            ],
            [
                "{A:은} {reason}서 {price:을} 내고 {city}행 비행기를 {other:으로} 바꾼다.",
                "{A:은} {reason}서 {day} {city}행 비행기를 {other:으로} 바꾼다.",
            ],
        ),
        outcome(
            "no_seat",
            [
                say("B", "언제로 바꿔 드릴까요?", "네, 며칠로 바꾸시겠어요?", "원하시는 날이 언제인가요?"),
                say("A", "{other:으로} 해 주세요.", "{other:이면} 좋겠어요.", "{other}에 가고 싶어요."),
                say("B", "죄송하지만 그날은 자리가 없습니다.", "그날은 표가 다 팔렸습니다.", "어쩌죠? 그날은 빈자리가 없네요."),
                say("A", "그럼 그냥 그대로 둘게요.", "할 수 없네요. 원래 표로 갈게요.", "그럼 바꾸지 않을게요."),
            ],
            [
                "{A:은} {reason}서 {city}행 비행기를 {other:으로} 바꾸려 하지만 자리가 없어서 바꾸지 못한다.",
                "{A:은} {day} {city}행 비행기를 {other:으로} 바꾸려 하지만 자리가 없다.",
            ],
        ),
        outcome(
            "cancelled",
            [
                say("B", "바꾸시려면 {price:을} 내셔야 합니다.", "바꾸는 수수료는 {price}입니다.", "수수료가 {price}인데 괜찮으세요?"),
                say("A", "그러면 그냥 취소할게요.", "바꾸지 말고 취소해 주세요.", "너무 비싸네요. 차라리 취소할게요."),
                say("B", "네, 취소해 드렸습니다.", "알겠습니다. 표를 취소했습니다.", "네, 취소됐습니다. 환불은 며칠 걸립니다."),
            ],
            [
                "{A:은} {reason}서 {day} {city}행 비행기를 취소한다.",
                "{A:은} {reason}서 {city}행 비행기를 바꾸려다가 수수료가 {price:이라} 취소한다.",
            ],
        ),
    ),
    closing=(call_thanks("A", "B", 0.6),),
)

_ROOM_FAULTS = ("에어컨이 안 돼", "더운물이 안 나와", "텔레비전이 안 나와", "옆방이 시끄러워", "담배 냄새가 나", "창문이 안 열려")

HOTEL_CHECK_IN = Scene(
    key="hotel_check_in",
    topics=("호텔 체크인", "호텔 이용"),
    slots={
        "full": FULL_NAMES,
        "room": ("305호", "412호", "508호", "617호", "709호", "811호", "903호"),
        "stay": DURATIONS,
        "fault": _ROOM_FAULTS,
        "price": PRICES,
    },
    opening=(maybe(0.6, say("B", "어서 오세요, 손님.", "안녕하세요, 바다호텔입니다.", "어서 오십시오. 무엇을 도와드릴까요?")),),
    outcomes=(
        outcome(
            "checked_in",
            [
                say(
                    "A",
                    "{full:이라}는 이름으로 {stay} 예약했어요.",
                    "예약한 {full}입니다. {stay} 묵을 거예요.",
                    "체크인하려고요. 이름은 {full:이고} {stay} 예약했어요.",
                ),
                maybe(
                    0.6,
                    say("B", "여권 번호가 어떻게 되세요?", "여권 번호를 말씀해 주세요."),
                    say("A", "#PassportNumber#입니다.", "#PassportNumber#예요."),
                ),
                say("B", "확인했습니다. 방은 {room}입니다.", "네, {room:으로} 준비해 두었습니다.", "열쇠 여기 있습니다. {room:이에요}."),
                maybe(
                    0.6,
                    say("A", "아침은 어디서 먹나요?", "아침 식사는 몇 시부터예요?"),
                    say("B", "일층 식당에서 일곱 시부터 드실 수 있습니다."),
                ),
            ],
            ["{full:은} 호텔에 체크인하고 {stay} 동안 {room}에 묵는다.", "{full:은} 호텔에서 {stay} 동안 묵을 {room} 열쇠를 받는다."],
        ),
        outcome(
            "room_changed",
            [
                say(
                    "A",
                    "방을 바꾸고 싶어요. {fault}서요.",
                    "{fault}서 잘 수가 없어요. 방을 바꿀 수 있나요?",
                    "{fault}서 그러는데 다른 방으로 바꿔 주세요.",
                ),
                say("B", "정말 죄송합니다. 바로 확인하겠습니다.", "불편을 드려 죄송합니다.", "죄송합니다, 손님."),
                say(
                    "B", "{room:으로} 바꿔 드리겠습니다.", "{room:이} 비어 있으니 그쪽으로 옮겨 드릴게요.", "대신 {room:을} 쓰시면 됩니다."
                ),
                say("A", "네, 그렇게 해 주세요.", "좋아요. 짐을 옮겨 주세요."),
            ],
            ["{A:은} {fault}서 {room:으로} 방을 바꾼다.", "{A:이} {fault}서 불평하자 {B:은} 방을 {room:으로} 바꿔 준다."],
        ),
        outcome(
            "no_booking",
            [
                say(
                    "A",
                    "예약은 안 했는데 방이 있나요? {stay} 묵으려고요.",
                    "빈방이 있을까요? 예약을 못 했는데 {stay} 있을 거예요.",
                    "예약 없이 왔는데 {stay} 묵을 수 있나요?",
                ),
                say("B", "{room:이} 하나 남아 있습니다. 하룻밤에 {price}입니다.", "네, {room:이} 비어 있습니다. 하루에 {price:이에요}."),
                say("A", "괜찮네요. 그 방으로 할게요.", "네, 그 방을 주세요.", "좋아요. 거기로 하겠습니다."),
                full_name("B", "A", chance=0.5),
            ],
            [
                "{A:은} 예약 없이 호텔에 와서 하루 {price}에 {stay} 동안 {room}에 묵기로 한다.",
                "{A:은} 예약을 하지 않았지만 {room}에 {stay} 동안 묵기로 한다.",
            ],
        ),
    ),
    closing=(
        say("A", "감사합니다.", "고맙습니다.", "고맙습니다. 수고하세요."),
        say("B", "네, 편히 쉬세요.", "네, 즐거운 시간 보내세요.", "필요한 것이 있으면 전화 주세요."),
    ),
)

SCENES = (LOST_LUGGAGE, FLIGHT_CHANGE, HOTEL_CHECK_IN)
