"""Scenes about getting there: a train ticket, the way by bus."""

from __future__ import annotations

from samplekit.scene import Scene, maybe, outcome, say

from scenes.phrases import polite_thanks, staff_greeting
from scenes.pools import CITIES, DAYS, GROUPS, HOURS, PRICES

TRAIN_TICKET = Scene(
    key="train_ticket",
    topics=("기차표 사기", "기차표 예매"),
    slots={"city": CITIES, "day": DAYS, "time": HOURS, "other": HOURS, "people": GROUPS, "price": PRICES},
    ordered=(("time", "other"),),
    opening=(
        staff_greeting("B", 0.4),
        say(
            "A",
            "{day} {time} {city} 가는 기차표로 {people} 자리 주세요.",
            "{day} {time}에 {city:으로} 가는 표가 있나요? {people}이에요.",
            "{city} 가는 기차를 타려고요. {day} {time}, {people}입니다.",
        ),
    ),
    outcomes=(
        outcome(
            "bought",
            [
                say("B", "네, 있습니다. 모두 {price}입니다.", "네, {price}입니다.", "자리가 있습니다. {price:이에요}."),
                maybe(
                    0.6,
                    say("A", "창가 자리로 주세요.", "나란히 앉을 수 있나요?"),
                    say("B", "네, 그렇게 해 드릴게요.", "네, 그런 자리가 있습니다."),
                ),
                say("A", "네, 카드로 할게요.", "여기 있습니다.", "네, 현금으로 낼게요."),
                say("B", "표 여기 있습니다.", "네, 좋은 여행 되세요."),
            ],
            [
                "{A:은} {day} {time}에 {city:으로} 가는 기차표 {people} 자리를 {price}에 산다.",
                "{A:은} {B}에게 {day} {time} {city}행 기차표 {people} 자리를 산다.",
            ],
        ),
        outcome(
            "other_train",
            [
                say("B", "그 기차는 표가 다 팔렸습니다.", "죄송하지만 그 시간은 매진입니다.", "그 시간에는 자리가 없네요."),
                say("A", "그럼 다음 기차는 언제예요?", "다른 시간은 없나요?", "어떡하지. 다른 기차는요?"),
                say("B", "{other} 기차에 자리가 있습니다.", "{other:은} 괜찮으세요?", "{other:이면} 자리가 남아 있어요."),
                say("A", "그럼 그걸로 주세요.", "네, 그 표로 살게요.", "좋아요. 그 기차로 할게요."),
            ],
            [
                "{A:은} {time} 표가 없어서 {day} {other}에 {city:으로} 가는 기차표를 산다.",
                "{A:은} {day} {time} {city}행 표가 없어서 {other} 기차표를 산다.",
            ],
        ),
        outcome(
            "by_bus",
            [
                say(
                    "B", "그날은 {city} 가는 표가 다 팔렸습니다.", "죄송하지만 그날은 모두 매진입니다.", "그날은 남은 자리가 하나도 없네요."
                ),
                say("A", "꼭 가야 하는데 어떻게 하죠?", "다른 방법이 없을까요?", "그럼 어떻게 가면 좋을까요?"),
                say("B", "버스 터미널에 가 보세요. 버스는 아직 있을 거예요.", "버스를 타시는 게 어떨까요?", "버스표는 남아 있을 겁니다."),
                say("A", "네, 그럼 버스를 탈게요.", "알겠어요. 버스로 가야겠네요.", "그 방법이 있었네요. 버스로 갈게요."),
            ],
            [
                "{A:은} {day} {time} {city}행 기차표가 없어서 버스를 타기로 한다.",
                "{A:은} {day} {city}행 기차표를 사지 못하고 버스로 가기로 한다.",
            ],
        ),
    ),
    closing=(polite_thanks("A", "B", 0.6),),
)

_SIGHTS = ("박물관", "시청", "대학교", "중앙시장", "동물원", "도서관", "미술관", "병원", "공원", "경기장")
_LINES = ("7번", "12번", "24번", "36번", "50번", "101번", "143번", "270번")

BUS_DIRECTIONS = Scene(
    key="bus_directions",
    topics=("버스 길 묻기", "길 안내"),
    slots={
        "sight": _SIGHTS,
        "line": _LINES,
        "stops": ("두", "세", "네", "다섯", "여섯", "일곱"),
        "minutes": ("5분", "10분", "15분", "20분"),
        "light": ("첫", "두", "세", "네"),
    },
    opening=(
        say(
            "A",
            "실례합니다. {sight}에 가려면 어떻게 해야 하나요?",
            "저기요, {sight}에 어떻게 가나요?",
            "죄송하지만 {sight} 가는 길 좀 알려 주세요.",
        ),
    ),
    outcomes=(
        outcome(
            "direct",
            [
                say(
                    "B",
                    "{line} 버스를 타고 {stops} 정거장을 가세요.",
                    "여기서 {line} 버스를 타시고 {stops} 정거장 뒤에 내리세요.",
                    "{line} 버스가 갑니다. {stops} 정거장이에요.",
                ),
                say("A", "버스가 자주 오나요?", "얼마나 기다려야 해요?", "버스가 언제 오는지 아세요?"),
                say("B", "{minutes}마다 와요.", "{minutes}에 한 대씩 와요.", "{minutes}마다 한 대씩 올 거예요."),
                maybe(0.6, say("A", "요금은 얼마예요?"), say("B", "천오백 원이에요.", "카드로 내면 천오백 원입니다.")),
            ],
            [
                "{A:이} {sight}에 가는 길을 묻자 {B:은} {line} 버스를 타고 {stops} 정거장을 가라고 한다.",
                "{B:은} {A}에게 {line} 버스를 타고 {stops} 정거장을 가면 {sight}에 간다고 알려 준다.",
            ],
        ),
        outcome(
            "walk",
            [
                say(
                    "B",
                    "버스를 탈 필요 없어요. 걸어서 {minutes} 걸려요.",
                    "가까우니까 걸어가세요. {minutes}이면 돼요.",
                    "걸어가는 게 빨라요. {minutes}이면 도착해요.",
                ),
                say("A", "어느 쪽으로 가면 되나요?", "그래요? 어느 방향이에요?"),
                say(
                    "B",
                    "이 길로 쭉 가다가 {light} 번째 신호등에서 왼쪽으로 도세요.",
                    "똑바로 가서 {light} 번째 신호등에서 왼쪽으로 가세요.",
                ),
            ],
            [
                "{A:이} {sight}에 가는 길을 묻자 {B:은} 걸어서 {minutes} 걸린다고 알려 준다. {light} 번째 신호등에서 왼쪽으로 가면 된다.",
                "{B:은} {A}에게 {sight}까지 걸어서 {minutes} 걸리고 {light} 번째 신호등에서 왼쪽으로 가라고 한다.",
            ],
        ),
        outcome(
            "stranger",
            [
                say("B", "죄송해요. 저도 여기 처음 왔어요.", "글쎄요, 저도 이 동네를 잘 몰라요.", "저도 관광객이라 잘 모르겠네요."),
                say("A", "{line} 버스가 간다고 들었는데, 맞나요?", "혹시 {line} 버스를 타면 될까요?", "{line} 버스를 타라던데 맞나요?"),
                say(
                    "B",
                    "잠깐만요, 휴대폰으로 찾아볼게요. 네, 그 버스가 가네요.",
                    "지도를 한번 볼게요. 아, 그 버스가 맞네요.",
                    "휴대폰으로 찾아보니까 맞아요.",
                ),
                say("B", "{stops} 정거장 가서 내리면 된대요.", "{stops} 정거장만 가면 되네요."),
            ],
            [
                "{B:은} 길을 모르지만 휴대폰을 보고 {A}에게 {line} 버스로 {stops} 정거장을 가면 {sight}에 간다고 알려 준다.",
                "{B:은} 길을 몰라서 찾아본 뒤 {A}에게 {sight}까지 {line} 버스로 {stops} 정거장이라고 알려 준다.",
            ],
        ),
    ),
    closing=(
        say("A", "감사합니다.", "고맙습니다.", "정말 감사합니다."),
        maybe(0.7, say("B", "뭘요. 조심히 가세요.", "네, 안녕히 가세요.", "네, 조심히 가세요.")),
    ),
)

SCENES = (TRAIN_TICKET, BUS_DIRECTIONS)
