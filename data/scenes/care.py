"""Scenes about looking after others: medicine for the family, a sick pet."""

from __future__ import annotations

from samplekit.scene import Scene, maybe, outcome, say

from scenes.phrases import polite_thanks
from scenes.pools import DAYS, DURATIONS, PLAIN_DAYS, WEEKDAYS

# What the customer wants a remedy for, and what the chemist hands over.
_REMEDIES = (
    ("감기", "감기약"),
    ("두통", "두통약"),
    ("소화불량", "소화제"),
    ("몸살", "몸살약"),
    ("알레르기", "알레르기약"),
    ("기침", "기침약"),
    ("변비", "변비약"),
    ("치통", "진통제"),
)
_FAMILY = ("남편", "아내", "딸", "아들", "동생", "친구", "조카", "사촌")
_DOSES = ("하루 한 번", "하루 두 번", "하루 세 번", "자기 전에 한 번", "아침저녁으로 한 번", "식사 후에 한 번")

PHARMACY = Scene(
    key="pharmacy",
    topics=("약국에서 약 사기", "약 복용 안내"),
    slots={"who": _FAMILY, "dose": _DOSES, "day": DAYS, "worse": PLAIN_DAYS},
    tied={("illness", "medicine"): _REMEDIES},
    opening=(
        maybe(0.6, say("B", "어서 오세요. 어떤 약을 찾으세요?", "안녕하세요. 뭐가 필요하세요?", "어서 오세요. 어디가 불편하세요?")),
        say(
            "A",
            "{who}한테 줄 약이 필요해요. {illness}에 좋은 약이 있나요?",
            "{illness}에 먹는 약을 찾고 있어요. {who}에게 주려고요.",
            "{who} 때문에 왔는데, {illness}에 뭐가 좋을까요?",
        ),
    ),
    outcomes=(
        outcome(
            "bought",
            [
                say(
                    "B",
                    "이 {medicine:을} 추천합니다. {dose} 먹으면 돼요.",
                    "{medicine:이} 잘 들어요. {dose} 드시면 됩니다.",
                    "그럼 {medicine:을} 드릴게요. {dose} 먹으라고 하세요.",
                ),
                maybe(
                    0.6,
                    say("A", "부작용은 없나요?", "다른 약과 같이 먹어도 되나요?", "빈속에 먹어도 괜찮아요?"),
                    say("B", "네, 순한 약이라 괜찮습니다.", "네, 걱정하지 않으셔도 돼요."),
                ),
                say("A", "그럼 그걸로 하나 주세요.", "네, 그거 주세요.", "좋아요. 하나 살게요."),
                say("B", "여기 있습니다.", "네, 여기요. 오천 원입니다.", "네, 사천 원입니다."),
            ],
            [
                "{A:은} {who}에게 줄 {medicine:을} 산다. {B:은} {dose} 먹으라고 알려 준다.",
                "{A:은} {who}에게 줄 {medicine:을} 사고, {dose} 먹으라는 설명을 듣는다.",
            ],
        ),
        outcome(
            "out_of_stock",
            [
                say(
                    "B",
                    "{medicine:이} 좋은데 지금 다 떨어졌어요.",
                    "죄송해요. {medicine:은} 지금 없습니다.",
                    "어쩌죠? {medicine:이} 방금 다 나갔어요.",
                ),
                say("A", "그럼 언제 들어오나요?", "언제 다시 오면 될까요?", "다시 들어오는 날이 언제예요?"),
                say("B", "{day}에 들어옵니다.", "{day}에 다시 오시면 됩니다.", "{day}에 오시면 살 수 있어요."),
                say("A", "네, 그때 다시 올게요.", "알겠어요. 그날 올게요."),
            ],
            [
                "{A:은} {who}에게 줄 {medicine:이} 없어서 {day}에 다시 오기로 한다.",
                "{A:은} {who}에게 줄 {medicine:을} 사지 못해 {day}에 다시 오기로 한다.",
            ],
        ),
        outcome(
            "see_doctor",
            [
                say(
                    "B",
                    "며칠이나 됐나요? {medicine:은} 먹여 보셨어요?",
                    "얼마나 됐어요? 혹시 {medicine:은} 먹어 봤나요?",
                    "오래됐나요? {medicine:은} 이미 먹었고요?",
                ),
                say(
                    "A",
                    "네, 먹었는데 {worse}부터 더 심해졌어요.",
                    "네, 그런데 {worse}부터 더 나빠졌어요.",
                    "먹었는데 소용이 없고 {worse}부터 더 심해졌어요.",
                ),
                say(
                    "B",
                    "그럼 약보다 병원에 먼저 가 보세요.",
                    "그러면 병원에 가서 진료를 받는 게 좋겠어요.",
                    "그 정도면 꼭 병원에 가 보셔야 해요.",
                ),
                say("A", "네, 같이 병원에 갈게요.", "알겠습니다. 바로 병원에 가 볼게요."),
            ],
            [
                "{A}의 {who:이} {medicine:을} 먹어도 {worse}부터 더 심해져서 {B:은} 병원에 가 보라고 한다.",
                "{B:은} {A}의 {who:이} {medicine:을} 먹어도 {worse}부터 더 심해졌다는 말을 듣고 병원에 가 보라고 한다.",
            ],
        ),
    ),
    closing=(polite_thanks("A", "B"),),
)

_PETS = ("강아지", "고양이", "토끼")
_PET_NAMES = ("초코", "보리", "콩이", "두부", "별이", "구름")
_PET_TROUBLES = ("밥을 안 먹어", "자꾸 토해", "다리를 절어", "눈이 빨개", "기운이 없어", "털이 빠져")

VET = Scene(
    key="vet",
    topics=("동물병원 진료", "반려동물 진료"),
    slots={"pet": _PETS, "called": _PET_NAMES, "trouble": _PET_TROUBLES, "since": DURATIONS, "dose": DURATIONS, "day": WEEKDAYS},
    opening=(
        maybe(0.6, say("B", "안녕하세요. 아이가 어디가 아픈가요?", "어서 오세요. 어떻게 오셨어요?", "안녕하세요. 무슨 일로 오셨나요?")),
        say(
            "A",
            "우리 {pet} {called:이} {since} 전부터 {trouble}요.",
            "{pet} {called} 때문에 왔어요. {since} 전부터 {trouble}요.",
            "선생님, 우리 {pet} {called:이} {trouble}요. {since} 전부터 그래요.",
        ),
        maybe(
            0.6,
            say("B", "나이가 어떻게 되죠?", "몇 살이에요?"),
            say("A", "올해 세 살이고 주사는 다 맞았어요.", "네 살이고 건강한 편이었어요."),
        ),
        say("B", "한번 볼게요.", "자, 이쪽에 올려 주세요.", "어디 보자. 착하네요."),
    ),
    outcomes=(
        outcome(
            "medicine",
            [
                say(
                    "B",
                    "큰 병은 아니에요. 약을 {dose} 동안 먹이세요.",
                    "걱정 마세요. {dose} 동안 약을 먹이면 나아요.",
                    "약을 드릴 테니 {dose} 동안 먹이세요.",
                ),
                say("A", "목욕은 시켜도 되나요?", "밖에 데리고 나가도 돼요?", "다른 간식을 줘도 되나요?"),
                say("B", "며칠만 참아 주세요.", "다 나은 다음에 하세요.", "약을 다 먹을 때까지는 하지 마세요."),
            ],
            [
                "{A}의 {pet} {called:이} {trouble}서 {B:은} {dose} 동안 약을 먹이라고 한다.",
                "{A:은} {pet} {called:이} {trouble}서 병원에 가고, {dose} 동안 약을 먹이기로 한다.",
            ],
        ),
        outcome(
            "surgery",
            [
                say(
                    "B",
                    "수술을 해야겠네요. {day}에 할 수 있습니다.",
                    "안타깝지만 수술이 필요해요. {day}에 합시다.",
                    "검사해 보니 수술이 필요해요. {day:은} 어떠세요?",
                ),
                say("A", "수술은 위험하지 않나요?", "수술이요? 많이 아플까요?", "정말요? 괜찮을까요?"),
                say("B", "간단한 수술이라 걱정하지 않으셔도 돼요.", "금방 끝나니까 너무 걱정 마세요."),
                say("A", "네, 그럼 그날 데리고 올게요.", "알겠습니다. 그렇게 할게요."),
            ],
            [
                "{A}의 {pet} {called:이} {trouble}서 {day}에 수술을 받기로 한다.",
                "{A:은} {pet} {called:이} {trouble}서 병원에 가고, {day}에 수술을 하기로 한다.",
            ],
        ),
        outcome(
            "stay",
            [
                say(
                    "B",
                    "{dose} 동안 입원하는 게 좋겠어요.",
                    "여기서 {dose} 동안 입원해야겠습니다.",
                    "아무래도 {dose} 동안 입원해서 지켜봐야겠어요.",
                ),
                say("A", "매일 보러 와도 되나요?", "제가 옆에 있어도 돼요?", "면회는 할 수 있나요?"),
                say("B", "네, 낮에는 언제든지 오세요.", "그럼요. 자주 오시면 좋아할 거예요."),
            ],
            [
                "{A}의 {pet} {called:이} {trouble}서 {dose} 동안 입원하기로 한다.",
                "{A:은} {pet} {called:이} {trouble}서 병원에 가고, {called:은} {dose} 동안 입원하게 된다.",
            ],
        ),
    ),
    closing=(polite_thanks("A", "B", 0.6),),
)

SCENES = (PHARMACY, VET)
