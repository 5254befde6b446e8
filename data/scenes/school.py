"""Scenes about learning: the library, a talk with a teacher, exam results."""

from __future__ import annotations

from samplekit.scene import Scene, maybe, outcome, say

from scenes.phrases import friend_goodbye, friend_greeting, full_name, phone_number, polite_thanks, staff_greeting
from scenes.pools import DAYS, FULL_NAMES, HOURS, NAMES, WEEKDAYS

_BOOK_KINDS = ("역사책", "요리책", "소설책", "시집", "과학책", "여행책", "미술책", "철학책", "경제책", "음악책")
_BOOK_PURPOSES = ("숙제를 해야 해", "발표를 해야 해", "수업에 필요해", "공부를 하고 싶어", "선생님이 추천하셔", "친구가 추천해")
_SUBJECTS = ("수학", "영어", "과학", "역사", "국어", "음악", "체육")

LIBRARY = Scene(
    key="library",
    topics=("도서관 이용", "책 빌리기"),
    slots={"book": _BOOK_KINDS, "reason": _BOOK_PURPOSES, "day": DAYS, "full": FULL_NAMES},
    opening=(
        staff_greeting("B"),
        say("A", "{book:을} 빌리고 싶어요. {reason}서요.", "{reason}서 {book:을} 찾고 있어요.", "{book:이} 있나요? {reason}서 빌리려고요."),
    ),
    outcomes=(
        outcome(
            "borrowed",
            [
                say(
                    "B",
                    "네, 이쪽에 있습니다. 도서관 카드가 있으세요?",
                    "여기 있어요. 카드를 보여 주세요.",
                    "네, 빌릴 수 있어요. 카드 있으신가요?",
                ),
                say("A", "네, 여기 있어요.", "네, 카드 가져왔어요."),
                say("B", "{day}까지 돌려주세요.", "{day}까지 보시면 됩니다.", "{day}까지 꼭 반납해 주세요."),
                maybe(0.6, say("A", "늦으면 어떻게 되나요?"), say("B", "하루에 백 원씩 내셔야 해요.", "늦은 만큼 책을 못 빌려요.")),
            ],
            [
                "{A:은} {reason}서 {book:을} 빌리고 {day}까지 돌려주기로 한다.",
                "{A:은} 도서관에서 {reason}서 {book:을} 빌린다. {day}까지 반납해야 한다.",
            ],
        ),
        outcome(
            "reserved",
            [
                say("B", "지금은 다른 분이 빌려 가셨어요.", "찾으시는 책은 지금 대출 중입니다.", "어쩌죠? 그 책은 지금 없네요."),
                say("A", "언제 들어오나요?", "그럼 언제 빌릴 수 있어요?", "예약할 수 있나요?"),
                say("B", "{day}에 들어옵니다. 예약해 드릴까요?", "{day}에 반납될 거예요. 예약하시겠어요?"),
                say("A", "네, 예약해 주세요.", "네, 그렇게 해 주세요."),
                full_name("B", "A", chance=0.3),
                phone_number("B", "A", 0.3),
            ],
            ["{A:은} {reason}서 {book:을} 찾지만 없어서 예약한다. 책은 {day}에 들어온다.", "{A:은} {day}에 들어오는 {book:을} 예약한다."],
        ),
        outcome(
            "no_card",
            [
                say(
                    "B", "네, 있습니다. 도서관 카드가 있으세요?", "여기 있어요. 카드를 보여 주세요.", "네, 빌릴 수 있어요. 카드 있으신가요?"
                ),
                say("A", "아니요, 없는데요.", "카드를 잃어버렸어요.", "카드가 없으면 못 빌리나요?"),
                say(
                    "B",
                    "카드는 {day}에 나옵니다. 오늘은 여기서만 보실 수 있어요.",
                    "새 카드는 {day}에 받을 수 있어요. 오늘은 여기서 읽으셔야 해요.",
                ),
                say("A", "그럼 오늘은 여기서 읽고 갈게요.", "네, 여기서 볼게요."),
            ],
            [
                "{A:은} {reason}서 {book:을} 빌리려 하지만 카드가 없어서 도서관에서 읽기로 한다.",
                "{A:은} 카드가 없어서 {book:을} 빌리지 못한다. 카드는 {day}에 나온다.",
            ],
        ),
    ),
    closing=(polite_thanks("A", "B", 0.6),),
)

_CHILD_TROUBLES = ("수업 시간에 자", "숙제를 안 해 오", "친구와 자주 싸우", "지각을 많이 하", "말을 너무 안 하", "휴대폰을 자주 보")
_CHILD_CAUSES = ("밤늦게까지 게임을 해", "동생이 태어나", "전학을 와", "학원에 많이 다녀", "할머니가 편찮으셔", "잠을 잘 못 자")

PARENT_TEACHER = Scene(
    key="parent_teacher",
    topics=("학부모 상담",),
    slots={"name": NAMES, "subject": _SUBJECTS, "trouble": _CHILD_TROUBLES, "cause": _CHILD_CAUSES, "day": WEEKDAYS, "time": HOURS},
    opening=(
        say(
            "A",
            "안녕하세요, 선생님. {name:이름} 엄마입니다.",
            "선생님, {name:이름} 때문에 왔습니다.",
            "{name:이름} 아빠예요. 우리 아이는 학교에서 어떤가요?",
        ),
    ),
    outcomes=(
        outcome(
            "trouble_explained",
            [
                maybe(0.6, say("B", "잘 오셨어요. 앉으세요.", "네, 기다리고 있었습니다.")),
                say(
                    "B",
                    "{name:이름}가 요즘 {trouble}는데 집에 무슨 일이 있나요?",
                    "걱정이 있어요. {name:이름}가 {trouble}거든요.",
                    "사실 {name:이름}가 요즘 {trouble}더라고요.",
                ),
                say("A", "요즘 {cause}서 그런 것 같아요.", "그랬군요. {cause}서 그럴 거예요.", "아마 {cause}서 그럴 겁니다."),
                say(
                    "B",
                    "그렇군요. 집에서 이야기를 많이 해 주세요.",
                    "이해가 되네요. 집에서 자주 대화해 주세요.",
                    "저도 지켜볼 테니 집에서 대화를 많이 해 주세요.",
                ),
                say("A", "네, 그렇게 하겠습니다.", "네, 오늘 바로 이야기해 볼게요.", "네, 노력하겠습니다."),
            ],
            [
                "{B:은} {name:이} {trouble}는 것을 걱정하고, {A:은} {cause}서 그렇다고 말한다.",
                "{name:이} 요즘 {trouble}는데, {A:은} {cause}서 그런 것 같다고 한다.",
            ],
        ),
        outcome(
            "does_well",
            [
                say(
                    "B",
                    "아주 잘하고 있어요. 특히 {subject:을} 잘합니다.",
                    "걱정하지 마세요. {subject} 시간에 제일 열심히 해요.",
                    "착하고 {subject} 성적이 많이 올랐어요.",
                ),
                say("A", "정말요? 집에서는 말을 안 해서 몰랐어요.", "다행이네요. 걱정을 많이 했어요.", "선생님 덕분입니다."),
                say(
                    "B",
                    "{day} {time}에 발표회가 있는데 {name:이름}도 나갑니다. 꼭 오세요.",
                    "{name:이름}가 {day} {time}에 발표회에서 상을 받아요. 와 주세요.",
                ),
                say("A", "네, 꼭 가겠습니다.", "그럼요. 온 가족이 갈게요."),
            ],
            [
                "{B:은} {name:이} {subject:을} 잘한다고 하고, {A:은} {day} {time}에 발표회에 가기로 한다.",
                "{A:은} {name:이} {subject:을} 잘한다는 말을 듣고 {day} 발표회에 가기로 한다.",
            ],
        ),
        outcome(
            "extra_lessons",
            [
                say(
                    "B",
                    "{name:이름}가 {subject:을} 조금 어려워합니다.",
                    "다른 건 좋은데 {subject} 성적이 낮아요.",
                    "{subject} 시간에 힘들어하는 것 같아요.",
                ),
                say("A", "어떻게 하면 좋을까요?", "학원에 보내야 할까요?", "집에서 뭘 하면 될까요?"),
                say("B", "{day} {time}에 보충 수업이 있습니다. 보내 주세요.", "{day} {time}에 하는 보충 수업을 들으면 좋겠어요."),
                say("A", "네, 그 수업에 보낼게요.", "좋아요. 꼭 보내겠습니다."),
            ],
            [
                "{name:이} {subject:을} 어려워해서 {A:은} {day} {time} 보충 수업에 보내기로 한다.",
                "{B:은} {name:이} {subject:을} 어려워한다며 {day} {time} 보충 수업을 권한다.",
            ],
        ),
    ),
    closing=(polite_thanks("A", "B", 0.6),),
)

_SCORES = ("55점", "60점", "65점", "70점", "75점", "80점", "85점", "90점", "95점", "100점")

EXAM_RESULTS = Scene(
    key="exam_results",
    topics=("시험 결과", "시험 점수"),
    slots={
        "name": NAMES,
        "subject": (*_SUBJECTS, "물리", "화학", "한국사"),
        "low": _SCORES[:4],
        "high": _SCORES[5:],
        "day": WEEKDAYS,
        "time": HOURS,
    },
    opening=(
        friend_greeting("A", "B"),
        say(
            "A",
            "{name:아}, {subject} 시험 결과 봤어?",
            "{name:아}, {subject} 점수 나왔다며? 어떻게 됐어?",
            "{name:아}, {subject} 시험은 잘 봤어?",
        ),
    ),
    outcomes=(
        outcome(
            "good",
            [
                say("B", "나 {high} 받았어. 정말 기뻐.", "나 {high:이야}. 이렇게 잘 볼 줄 몰랐어.", "{high} 나왔어. 믿을 수가 없어."),
                say("A", "와, 축하해! 어떻게 공부했어?", "대단하다. 비결이 뭐야?", "정말 잘했다. 부럽다."),
                say("B", "매일 조금씩 문제를 풀었어.", "날마다 두 시간씩 공부했거든.", "수업을 열심히 들은 게 도움이 됐어."),
                say("A", "오늘은 내가 축하하는 뜻으로 저녁을 살게.", "축하하는 의미로 저녁 사 줄게.", "내가 저녁 살 테니까 같이 축하하자."),
            ],
            [
                "{name:이} {subject} 시험에서 {high:을} 받아서 {A:은} 저녁을 사기로 한다.",
                "{name:은} {subject} 시험에서 {high:을} 받고, {A:은} 축하하며 저녁을 사겠다고 한다.",
            ],
        ),
        outcome(
            "study_together",
            [
                say("B", "휴, {low}밖에 못 받았어.", "망했어. {low:이야}.", "{low} 나왔어. 너무 속상해."),
                say(
                    "A",
                    "나도 어려웠어. 우리 같이 공부할까?",
                    "힘내. 다음 시험은 나랑 같이 준비하자.",
                    "괜찮아. 내가 도와줄게. 같이 공부하자.",
                ),
                say("B", "정말? 언제 시간이 돼?", "그러면 좋지. 언제 만날까?"),
                say("A", "{day} {time}에 도서관에서 보자.", "{day} {time}에 도서관 어때?", "{day} {time}에 도서관 앞에서 만나."),
                say("B", "좋아, 그때 봐.", "응, 꼭 갈게."),
            ],
            [
                "{name:은} {subject} 시험에서 {low:을} 받아 {day} {time}에 {A:과} 도서관에서 공부하기로 한다.",
                "{name:이} {subject} 시험에서 {low:을} 받아서 {A:은} {day} {time}에 같이 공부하자고 한다.",
            ],
        ),
        outcome(
            "wrong_mark",
            [
                say(
                    "B",
                    "{low:이라}고 나왔는데 뭔가 이상해.",
                    "{low} 받았는데 채점이 잘못된 것 같아.",
                    "점수가 {low}이래. 그럴 리가 없는데.",
                ),
                say("A", "그럼 선생님께 여쭤봐.", "선생님께 다시 봐 달라고 해.", "선생님을 찾아가 보는 게 어때?"),
                say(
                    "B",
                    "응, {day} {time}에 찾아가기로 했어.",
                    "안 그래도 {day} {time}에 뵙기로 했어.",
                    "그래서 {day} {time}에 선생님을 만나러 가.",
                ),
                say("A", "점수가 바뀌면 좋겠다.", "잘 이야기해 봐.", "꼭 확인해 봐."),
            ],
            [
                "{name:은} {subject} 점수 {low:이} 이상해서 {day} {time}에 선생님을 찾아가기로 한다.",
                "{name:은} {subject} 시험에서 {low:을} 받았지만 채점이 이상해서 {day}에 선생님을 만난다.",
            ],
        ),
    ),
    closing=(friend_goodbye("A", "B", 0.5),),
)

SCENES = (LIBRARY, PARENT_TEACHER, EXAM_RESULTS)
