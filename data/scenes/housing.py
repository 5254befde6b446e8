"""Scenes about where one lives: moving, viewing a flat, noisy neighbours."""

from __future__ import annotations

from samplekit.scene import Scene, maybe, outcome, say

from scenes.phrases import friend_goodbye, friend_greeting, friend_thanks, polite_thanks
from scenes.pools import CITIES, DAYS, EVENINGS, HOURS, NAMES

_MOVE_REASONS = ("회사가 멀어", "집이 좁아", "월세가 올라", "동네가 시끄러워", "직장이 바뀌어", "집이 낡아")

MOVING_HOUSE = Scene(
    key="moving_house",
    topics=("이사", "이사 준비"),
    slots={"name": NAMES, "city": CITIES, "day": DAYS, "time": HOURS, "reason": _MOVE_REASONS},
    opening=(
        friend_greeting("A", "B"),
        say(
            "A",
            "{name:아}, 나 {day}에 {city:으로} 이사해.",
            "{name:아}, 들었어? 나 {day}에 {city:으로} 이사 가.",
            "{name:아}, 나 {day}에 이사하기로 했어. {city:으로} 가.",
        ),
        say("B", "정말? 왜 갑자기 이사해?", "진짜? 무슨 일 있어?", "그래? 왜 이사하는데?"),
        say("A", "{reason}서 그렇게 됐어.", "{reason}서 가기로 했어.", "{reason}서 이사를 결정했어."),
    ),
    outcomes=(
        outcome(
            "helps",
            [
                say("B", "짐이 많겠네. 내가 도와줄까?", "혼자 하기 힘들 텐데 내가 갈까?", "그날 시간 있는데 도와줄게."),
                say(
                    "A", "그러면 정말 고맙지. {time}까지 올 수 있어?", "진짜? 그럼 {time}에 와 줘.", "고마워. {time}에 시작하니까 그때 와."
                ),
                say("B", "응, 그때 갈게.", "알았어. 시간 맞춰 갈게.", "그래, 꼭 갈게."),
                friend_thanks("A", "B", 0.4),
            ],
            [
                "{A:은} {reason}서 {day}에 {city:으로} 이사하고, {name:은} {time}에 와서 돕기로 한다.",
                "{name:은} {day} {time}에 와서 {A}의 이사를 돕기로 한다. {A:은} {reason}서 {city:으로} 이사한다.",
            ],
        ),
        outcome(
            "cannot_help",
            [
                say("A", "그날 {time}에 와서 좀 도와줄 수 있어?", "혹시 그날 {time}에 짐 옮기는 것 좀 도와줄래?"),
                say(
                    "B",
                    "미안해. 그날은 가족 모임이 있어.",
                    "어쩌지? 그날 가족 모임이 있어서 안 돼.",
                    "도와주고 싶은데 가족 모임이 있어. 미안해.",
                ),
                say("A", "괜찮아. 이삿짐센터를 부를게.", "할 수 없지. 이삿짐센터에 맡길게.", "아니야, 그럼 이삿짐센터를 알아볼게."),
            ],
            [
                "{A:은} {reason}서 {day}에 {city:으로} 이사하지만 {name:은} 가족 모임이 있어서 돕지 못한다.",
                "{name:은} 가족 모임이 있어서 {day}에 {city:으로} 이사하는 {A:을} 돕지 못한다.",
            ],
        ),
        outcome(
            "farewell",
            [
                say(
                    "B",
                    "섭섭하다. 가기 전에 얼굴 한번 보자.",
                    "이제 자주 못 보겠네. 가기 전에 밥 먹자.",
                    "너무 멀리 가네. 가기 전에 꼭 만나자.",
                ),
                say(
                    "A",
                    "좋아. 이사하는 날 {time}에 잠깐 볼까?",
                    "그래. 그럼 그날 {time}에 만나서 밥 먹자.",
                    "응, 그날 {time}에는 시간이 있어.",
                ),
                say("B", "좋아, 그때 보자.", "그래, 내가 너희 집으로 갈게.", "응, 그때 갈게."),
            ],
            [
                "{A:은} {reason}서 {city:으로} 이사한다. {name:과} {A:은} {day} {time}에 만나기로 한다.",
                "{A:이} {day}에 {city:으로} 이사해서 {name:은} 그날 {time}에 {A:을} 만나기로 한다.",
            ],
        ),
    ),
    closing=(friend_goodbye("A", "B", 0.4),),
)

# What is asked, and what a tenant may beat it down to.
_RENTS = (
    ("45만 원", "40만 원"),
    ("50만 원", "45만 원"),
    ("55만 원", "50만 원"),
    ("60만 원", "55만 원"),
    ("65만 원", "60만 원"),
    ("70만 원", "65만 원"),
    ("80만 원", "70만 원"),
)
_NEAR = ("지하철역", "대학교", "공원", "시장", "병원", "초등학교", "버스 정류장", "도서관")
_FLAT_FAULTS = ("너무 어두워", "방이 좁아", "주방이 작아", "길가라 시끄러워", "엘리베이터가 없어", "주차장이 없어")

APARTMENT_VIEWING = Scene(
    key="apartment_viewing",
    topics=("집 보기", "집 구하기"),
    slots={"near": _NEAR, "fault": _FLAT_FAULTS, "day": DAYS},
    tied={("rent", "lower"): _RENTS},
    opening=(
        maybe(0.6, say("B", "안녕하세요. 집을 보러 오셨죠?", "어서 오세요. 이 집입니다.", "들어오세요. 천천히 보세요.")),
        say(
            "A",
            "{near} 근처라서 위치가 좋네요. 월세는 얼마예요?",
            "{near:이} 가까워서 좋네요. 월세가 얼마인가요?",
            "{near} 근처네요. 한 달에 얼마예요?",
        ),
        say("B", "월세 {rent}입니다.", "한 달에 {rent:이에요}.", "{rent}입니다. 관리비는 따로예요."),
        maybe(
            0.6,
            say("A", "지금 비어 있나요?", "바로 들어올 수 있나요?"),
            say("B", "네, 비어 있어서 언제든지 들어오실 수 있어요.", "네, 바로 들어오셔도 됩니다."),
        ),
    ),
    outcomes=(
        outcome(
            "taken",
            [
                say("A", "마음에 들어요. 계약은 언제 할까요?", "좋네요. 계약하고 싶어요.", "이 집으로 할게요. 언제 계약하면 되죠?"),
                say("B", "{day}에 계약합시다.", "{day}에 사무실로 오세요.", "집주인이 {day}에 시간이 된다고 합니다."),
                say("A", "네, 그때 뵐게요.", "좋아요. 그날 하죠."),
            ],
            [
                "{A:은} {near} 근처에 있는 월세 {rent}짜리 집이 마음에 들어 {day}에 계약하기로 한다.",
                "{A:은} {near} 근처 집을 보고 월세 {rent}에 {day}에 계약하기로 한다.",
            ],
        ),
        outcome(
            "cheaper",
            [
                say("A", "조금 비싸네요. {lower}에는 안 될까요?", "{lower:이면} 바로 계약할게요.", "{lower:으로} 깎아 주실 수 있나요?"),
                say(
                    "B",
                    "집주인에게 물어보겠습니다. 네, 된다고 하네요.",
                    "잠깐 전화해 볼게요. 네, 괜찮다고 합니다.",
                    "음, 좋습니다. 그렇게 하시죠.",
                ),
                say("A", "그럼 {day}에 계약해요.", "좋아요. {day}에 계약하러 올게요.", "다행이네요. {day}에 계약하죠."),
            ],
            [
                "{A:은} {near} 근처 집의 월세를 {rent}에서 {lower:으로} 깎아 {day}에 계약하기로 한다.",
                "{A:은} {near} 근처 집을 월세 {lower}에 {day}에 계약하기로 한다.",
            ],
        ),
        outcome(
            "declined",
            [
                say("A", "그런데 {fault}서 망설여지네요.", "음, {fault}서 마음에 걸려요.", "위치는 좋은데 {fault}서 안 되겠어요."),
                say("B", "그래도 이 가격에 이런 집은 없어요.", "그럼 다른 집도 보여 드릴까요?", "조금 더 생각해 보세요."),
                say("A", "다른 집을 더 볼게요.", "아니요, 다른 집을 찾아볼게요.", "네, 다른 집을 보고 싶어요."),
            ],
            [
                "{A:은} {near} 근처에 있는 월세 {rent}짜리 집을 보지만 {fault}서 다른 집을 보기로 한다.",
                "{A:은} {near} 근처 집이 {fault}서 다른 집을 보기로 한다.",
            ],
        ),
    ),
    closing=(polite_thanks("A", "B", 0.6),),
)

_NOISES = ("피아노 소리", "음악 소리", "아이들 뛰는 소리", "개 짖는 소리", "세탁기 소리", "텔레비전 소리")
_FLOORS = ("아래층", "옆집")
_NOISE_REASONS = ("시험이 있어", "아기가 자고 있어", "몸이 아파", "일찍 출근해야 해", "잠을 못 자", "집에서 공부를 해")

NOISE_COMPLAINT = Scene(
    key="noise_complaint",
    topics=("소음 문제", "이웃 소음"),
    slots={"noise": _NOISES, "floor": _FLOORS, "time": (*EVENINGS, "밤 9시", "밤 10시", "밤 11시"), "reason": _NOISE_REASONS},
    opening=(
        maybe(0.6, say("B", "누구세요?", "네, 누구세요?", "네, 무슨 일이세요?")),
        say(
            "A",
            "{floor}에 사는 사람인데요, {noise} 때문에 왔어요.",
            "안녕하세요, {floor}에 살아요. {noise:이} 너무 커서요.",
            "{floor}에서 왔습니다. {noise:이} 심해서 말씀드리려고요.",
        ),
    ),
    outcomes=(
        outcome(
            "agreed",
            [
                say("B", "죄송해요. 그렇게 큰 줄 몰랐어요.", "아, 정말요? 몰랐어요. 죄송합니다.", "많이 시끄러웠어요? 미안합니다."),
                say("A", "{reason}서 조금 힘들어요.", "{reason}서 부탁드리는 거예요.", "요즘 {reason}서요."),
                say("B", "그럼 {time} 이후에는 조용히 할게요.", "{time}부터는 조심하겠습니다.", "앞으로 {time} 이후에는 안 그럴게요."),
                maybe(0.7, say("A", "이해해 주셔서 감사합니다.", "고맙습니다. 쉬세요.", "그렇게 해 주시면 감사하겠습니다.")),
            ],
            [
                "{A:이} {noise} 때문에 불평하자 {B:은} {time} 이후에는 조용히 하기로 한다.",
                "{A:은} {reason}서 {noise:을} 줄여 달라고 하고, {B:은} {time} 이후에 조심하기로 한다.",
            ],
        ),
        outcome(
            "refused",
            [
                say("B", "이 정도는 참을 수 있지 않아요?", "아직 그렇게 늦지 않았는데요.", "제 집인데 그 정도도 못 해요?"),
                say(
                    "A",
                    "{time}에는 쉬어야죠. {reason}서 그래요.",
                    "{reason}서 그래요. {time}에는 조용히 해 주세요.",
                    "{time}에 이러시면 어떡해요? {reason}서 힘들어요.",
                ),
                say("B", "죄송하지만 어쩔 수 없어요.", "저도 사정이 있어요.", "그건 제 마음이죠."),
                say("A", "그럼 관리실에 말할게요.", "그러면 관리실에 신고하겠습니다.", "말이 안 통하네요. 관리실에 이야기할게요."),
            ],
            [
                "{A:이} {time}에 나는 {noise} 때문에 불평하지만 {B:은} 듣지 않아서 관리실에 말하기로 한다.",
                "{A:은} {reason}서 {noise:을} 줄여 달라고 하지만 {B:은} 거절한다. {A:은} 관리실에 말하기로 한다.",
            ],
        ),
        outcome(
            "wrong_door",
            [
                say("B", "저희 집에서 나는 소리가 아니에요.", "우리 집이 아닌데요. 저도 시끄러웠어요.", "그 소리요? 저희가 아니에요."),
                say(
                    "A",
                    "그래요? {reason}서 좀 예민했나 봐요. 죄송합니다.",
                    "아, 죄송해요. {reason}서 급하게 왔네요.",
                    "실례했습니다. {reason}서 참기가 힘들었어요.",
                ),
                say(
                    "B",
                    "괜찮아요. 어제 {time}에도 들리던데 관리실에 같이 가 볼까요?",
                    "아니에요. {time}에는 저도 들었어요. 같이 관리실에 가요.",
                ),
                say("A", "네, 같이 가요.", "좋아요. 같이 말씀드려요."),
            ],
            [
                "{A:은} {noise} 때문에 왔지만 {B}의 집이 아니어서 둘은 같이 관리실에 가기로 한다.",
                "{A:은} {reason}서 {noise:을} 참기 힘들지만 {B}의 집이 아니어서 둘은 같이 관리실에 가기로 한다.",
            ],
        ),
    ),
)

SCENES = (MOVING_HOUSE, APARTMENT_VIEWING, NOISE_COMPLAINT)
