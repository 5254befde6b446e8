"""Scenes about finding work: an interview, a part-time job."""

from __future__ import annotations

from samplekit.scene import Scene, maybe, outcome, say

from scenes.phrases import call_greeting, call_thanks, full_name, phone_number, polite_thanks
from scenes.pools import FULL_NAMES, WEEKDAYS

_JOBS = ("영업", "회계", "디자인", "홍보", "번역", "기획", "개발", "고객 상담")
_YEARS = ("일 년", "이 년", "삼 년", "사 년", "오 년", "칠 년")
_STRENGTHS = ("책임감이 강합니다", "외국어를 잘합니다", "사람을 잘 사귑니다", "꼼꼼합니다", "빨리 배웁니다")

JOB_INTERVIEW = Scene(
    key="job_interview",
    topics=("취업 면접", "면접"),
    slots={"job": _JOBS, "years": _YEARS, "day": WEEKDAYS, "strength": _STRENGTHS, "full": FULL_NAMES},
    opening=(
        maybe(0.6, say("B", "어서 오세요. 자기소개를 해 주세요.", "안녕하세요. 앉으세요.", "들어오세요. 간단히 소개해 주시겠어요?")),
        say(
            "A",
            "안녕하십니까? {job} 일에 지원한 {full}입니다.",
            "{full}입니다. {job} 일에 지원했습니다.",
            "저는 {job} 일에 지원한 {full:이라}고 합니다.",
        ),
        say("B", "경력이 얼마나 되시죠?", "이 일을 얼마나 해 보셨나요?", "경험이 있으신가요?"),
    ),
    outcomes=(
        outcome(
            "hired",
            [
                say("A", "{years} 동안 같은 일을 했습니다.", "전 회사에서 {years} 일했습니다.", "{years} 경력이 있습니다."),
                maybe(
                    0.6,
                    say("B", "자신의 장점이 뭐라고 생각하세요?", "장점을 말씀해 주세요."),
                    say("A", "저는 {strength}.", "{strength}. 그게 제 장점입니다."),
                ),
                say(
                    "B",
                    "좋습니다. {day}부터 출근하실 수 있나요?",
                    "마음에 듭니다. {day}부터 나오세요.",
                    "같이 일합시다. {day}부터 올 수 있습니까?",
                ),
                say("A", "네, 열심히 하겠습니다.", "네, 최선을 다하겠습니다.", "그럼요. 잘 부탁드립니다."),
            ],
            [
                "{full:은} {job} 일에 지원해 면접을 보고 {day}부터 출근하기로 한다.",
                "{years} 경력이 있는 {full:은} {job} 면접에 합격해 {day}부터 출근한다.",
            ],
        ),
        outcome(
            "waits",
            [
                say("A", "{years} 동안 같은 일을 했습니다.", "전 회사에서 {years} 일했습니다.", "{years} 경력이 있습니다."),
                maybe(
                    0.6,
                    say("B", "자신의 장점이 뭐라고 생각하세요?", "장점을 말씀해 주세요."),
                    say("A", "저는 {strength}.", "{strength}. 그게 제 장점입니다."),
                ),
                say("A", "결과는 언제 알 수 있습니까?", "언제쯤 결과가 나올까요?", "결과를 언제 알려 주시나요?"),
                say("B", "{day}까지 연락드리겠습니다.", "{day}에 전화로 알려 드릴게요.", "{day}에 결과를 보내 드립니다."),
            ],
            [
                "{full:은} {job} 일에 지원해 면접을 보고 {day}에 결과를 듣기로 한다.",
                "{years} 경력이 있는 {full:은} {job} 면접을 보고, 결과는 {day}에 나온다.",
            ],
        ),
        outcome(
            "rejected",
            [
                say(
                    "A",
                    "{years} 일했지만 다른 분야였습니다.",
                    "다른 분야에서 {years} 일했습니다.",
                    "{years} 경력이 있는데 다른 분야입니다.",
                ),
                say(
                    "B",
                    "저희는 이 일을 해 본 사람을 찾고 있습니다.",
                    "이번에는 같은 분야의 경력자가 필요합니다.",
                    "죄송하지만 바로 일할 경력자가 필요해요.",
                ),
                say(
                    "A",
                    "빨리 배우겠습니다. 기회를 주세요.",
                    "그래도 열심히 배울 자신이 있습니다.",
                    "저는 {strength}. 한 번 더 생각해 주십시오.",
                ),
                say("B", "이번에는 어렵겠습니다.", "죄송합니다. 다음에 다시 지원해 주세요.", "마음은 알겠지만 다음에 뵙겠습니다."),
            ],
            [
                "{full:은} {job} 일에 지원하지만 경력이 다른 분야라서 떨어진다.",
                "{full:은} {job} 면접을 보지만 {years} 경력이 다른 분야라서 떨어진다.",
            ],
        ),
    ),
    closing=(polite_thanks("A", "B", 0.6),),
)

_SHOPS = ("카페", "편의점", "서점", "빵집", "영화관", "꽃집", "식당", "옷 가게")
_SHIFTS = (
    ("오전 9시", "오후 1시"),
    ("오전 10시", "오후 2시"),
    ("오전 10시 반", "오후 3시"),
    ("오전 11시", "오후 4시"),
    ("오후 1시", "오후 5시"),
    ("오후 2시", "저녁 6시"),
    ("오후 3시", "저녁 7시"),
    ("오후 5시", "저녁 8시"),
)
_WAGES = ("만 원", "만 천 원", "만 이천 원", "만 삼천 원", "만 오천 원")

PART_TIME_WORK = Scene(
    key="part_time_work",
    topics=("아르바이트 지원", "아르바이트 문의"),
    slots={"shop": _SHOPS, "wage": _WAGES, "start": WEEKDAYS, "full": FULL_NAMES},
    tied={("time", "until"): _SHIFTS},
    opening=(
        call_greeting("B", "구인 담당자", 0.4),
        say(
            "A",
            "{shop} 아르바이트를 구한다고 해서 전화했어요.",
            "{shop} 아르바이트 광고를 보고 연락드렸어요.",
            "{shop}에서 일할 사람을 찾으신다고 들었어요.",
        ),
        maybe(
            0.6,
            say("B", "이런 일을 해 본 적이 있으세요?", "경험이 있으세요?"),
            say("A", "네, 전에 조금 해 봤어요.", "아니요, 하지만 빨리 배울 수 있어요."),
        ),
        say(
            "B",
            "일하는 시간은 {time}부터 {until}까지예요.",
            "{time}부터 {until}까지 일할 사람이 필요해요.",
            "{time}에 시작해서 {until}에 끝나요.",
        ),
    ),
    outcomes=(
        outcome(
            "accepted",
            [
                say("A", "괜찮아요. 시급은 얼마인가요?", "그 시간이면 좋아요. 시급이 어떻게 되나요?"),
                say("B", "한 시간에 {wage:이에요}. {start}부터 올 수 있어요?", "시급은 {wage}입니다. {start}부터 나올 수 있나요?"),
                say("A", "네, 그날부터 갈게요.", "그럼요. 그날 뵙겠습니다.", "네, 할 수 있어요."),
                full_name("B", "A", chance=0.4),
                phone_number("B", "A", 0.3),
            ],
            [
                "{A:은} {start}부터 시급 {wage}에 {shop}에서 아르바이트를 하기로 한다.",
                "{A:은} {shop}에서 {start}부터 시급 {wage:을} 받고 일하기로 한다.",
            ],
        ),
        outcome(
            "declined",
            [
                say("A", "그 시간에는 학교 수업이 있어요.", "어쩌죠? 그때는 수업이 있는데요.", "수업 때문에 그 시간은 안 되는데요."),
                say("B", "시간을 바꾸기는 어려워요.", "죄송하지만 다른 시간은 사람이 있어요.", "그 시간에만 사람이 필요해요."),
                say("A", "그럼 다른 곳을 알아볼게요.", "아쉽지만 이번에는 못 하겠네요.", "알겠습니다. 다음에 다시 연락드릴게요."),
            ],
            [
                "{A:은} {shop} 아르바이트를 하려 하지만 {time}부터 {until}까지 수업이 있어서 하지 못한다.",
                "{A:은} {shop}에서 일하고 싶지만 {time}부터 {until}까지 수업이 있어 포기한다.",
            ],
        ),
        outcome(
            "visit",
            [
                say("A", "네, 그 시간은 괜찮아요.", "저는 그 시간이 좋아요.", "네, 할 수 있습니다."),
                say(
                    "B",
                    "그럼 {start}에 가게로 면접을 보러 오세요.",
                    "{start}에 가게에서 만나서 이야기해요.",
                    "{start}에 이력서를 가지고 가게로 와 주세요.",
                ),
                say("A", "네, 그날 갈게요.", "알겠습니다. 그날 뵐게요.", "네, 꼭 가겠습니다."),
                phone_number("B", "A", 0.4),
            ],
            [
                "{A:은} {shop} 아르바이트 때문에 전화하고 {start}에 면접을 보기로 한다.",
                "{A:은} {time}부터 {until}까지 하는 {shop} 아르바이트의 면접을 {start}에 보기로 한다.",
            ],
        ),
    ),
    closing=(call_thanks("A", "B", 0.6),),
)

SCENES = (JOB_INTERVIEW, PART_TIME_WORK)
