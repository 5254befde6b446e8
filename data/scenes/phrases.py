"""Turns that recur whatever the scene: greetings, thanks, asking for a number. Sharing them keeps the vocabulary small."""

from __future__ import annotations

from samplekit.scene import Maybe, maybe, say


def staff_greeting(staff: str, chance: float = 0.7) -> Maybe:
    """Let staff speak first.

    Args:
        staff: Role of the member of staff.
        chance: Probability of the greeting.

    Returns:
        The optional greeting.
    """
    return maybe(
        chance,
        say(
            staff,
            "안녕하세요. 무엇을 도와드릴까요?",
            "어서 오세요. 어떻게 오셨어요?",
            "안녕하세요. 어떤 일로 오셨습니까?",
            "어서 오세요. 무엇을 도와드릴까요?",
        ),
    )


def call_greeting(staff: str, place: str, chance: float = 0.6) -> Maybe:
    """Let staff answer the telephone.

    Args:
        staff: Role of the member of staff.
        place: What the staff member calls the place.
        chance: Probability of the greeting.

    Returns:
        The optional greeting.
    """
    return maybe(
        chance,
        say(
            staff,
            f"안녕하세요, {place}입니다.",
            f"네, {place}입니다. 무엇을 도와드릴까요?",
            f"{place}입니다. 말씀하세요.",
        ),
    )


def friend_greeting(first: str, second: str, chance: float = 0.6) -> Maybe:
    """Let two friends greet each other.

    Args:
        first: Role that greets.
        second: Role that answers.
        chance: Probability of the greeting.

    Returns:
        The optional greeting.
    """
    return maybe(
        chance,
        say(first, "안녕, 오랜만이야. 잘 지냈어?", "어, 여기서 만나네. 잘 지내?", "안녕, 요즘 어때?"),
        say(second, "응, 나야 잘 지내지.", "그럭저럭 지내. 반갑다.", "조금 바빴는데 이제 괜찮아."),
        maybe(
            0.4,
            say(first, "오늘 날씨 정말 좋다.", "오늘은 좀 춥다.", "오늘 진짜 덥네."),
            say(second, "그러게. 산책하고 싶다.", "응, 집에만 있고 싶어.", "맞아, 아침부터 그랬어."),
        ),
    )


def polite_thanks(guest: str, staff: str, chance: float = 0.6) -> Maybe:
    """Close a polite conversation.

    Args:
        guest: Role that thanks.
        staff: Role that answers, now and then.
        chance: Probability of the thanks.

    Returns:
        The optional closing.
    """
    return maybe(
        chance,
        _anything_else(staff, guest),
        say(guest, "감사합니다.", "고맙습니다.", "감사합니다. 수고하세요.", "고맙습니다. 안녕히 계세요."),
        maybe(0.6, say(staff, "네, 좋은 하루 보내세요.", "네, 안녕히 가세요.", "네, 조심히 가세요.")),
    )


def call_thanks(guest: str, staff: str, chance: float = 0.6) -> Maybe:
    """Close a telephone call.

    Args:
        guest: Role that thanks.
        staff: Role that answers, now and then.
        chance: Probability of the thanks.

    Returns:
        The optional closing.
    """
    return maybe(
        chance,
        _anything_else(staff, guest),
        say(guest, "감사합니다.", "고맙습니다.", "그럼 수고하세요."),
        maybe(0.6, say(staff, "네, 좋은 하루 보내세요.", "네, 전화 주셔서 감사합니다.", "네, 감사합니다.")),
    )


def phone_number(staff: str, guest: str, chance: float = 0.45) -> Maybe:
    """Let staff ask for a telephone number.

    Args:
        staff: Role that asks.
        guest: Role that answers.
        chance: Probability of the exchange.

    Returns:
        The optional exchange.
    """
    return maybe(
        chance,
        say(staff, "연락처를 알려 주시겠어요?", "전화번호가 어떻게 되세요?", "연락드릴 번호를 말씀해 주세요."),
        say(guest, "#PhoneNumber#입니다.", "#PhoneNumber#예요.", "#PhoneNumber#로 연락 주세요."),
    )


def full_name(staff: str, guest: str, chance: float = 0.5) -> Maybe:
    """Let staff ask for the guest's full name, which the scene holds in its slot ``full``.

    Args:
        staff: Role that asks.
        guest: Role that answers.
        chance: Probability of the exchange.

    Returns:
        The optional exchange.
    """
    return maybe(
        chance,
        say(staff, "성함이 어떻게 되세요?", "성함을 말씀해 주시겠어요?"),
        say(guest, "{full}입니다.", "{full:이에요}.", "{full:이라}고 합니다."),
    )


def friend_thanks(first: str, second: str, chance: float = 0.5) -> Maybe:
    """Close a talk between friends.

    Args:
        first: Role that thanks.
        second: Role that answers, now and then.
        chance: Probability of the thanks.

    Returns:
        The optional closing.
    """
    return maybe(
        chance,
        say(first, "고마워, 정말 도움이 됐어.", "정말 고마워.", "고마워. 다음에 내가 밥 살게."),
        maybe(0.6, say(second, "뭘, 이 정도로.", "아니야, 언제든지 말해.", "괜찮아. 또 보자.")),
    )


def friend_goodbye(first: str, second: str, chance: float = 0.5) -> Maybe:
    """Let two friends part.

    Args:
        first: Role that speaks first.
        second: Role that answers.
        chance: Probability of the exchange.

    Returns:
        The optional closing.
    """
    return maybe(
        chance,
        say(first, "나 이제 가 봐야겠다.", "이제 가 봐야겠다. 안녕.", "나 먼저 갈게."),
        say(second, "응, 잘 가.", "그래, 조심해서 가.", "응, 또 봐."),
    )


def _anything_else(staff: str, guest: str) -> Maybe:
    return maybe(
        0.35,
        say(staff, "더 궁금한 점이 있으세요?", "더 필요한 것이 있으세요?", "또 물어보실 것이 있나요?"),
        say(guest, "아니요, 없어요.", "아니요, 괜찮습니다.", "아니요, 그게 다예요."),
    )
