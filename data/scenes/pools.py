"""Slot values that many scenes share, so that a small model meets every name, day and hour often enough to copy it."""

from __future__ import annotations

NAMES = (
    "민수", "지영", "현우", "수진", "태호", "은지", "준호", "하은", "서연", "도윤", "유리", "성민",
    "혜진", "동현", "미나", "재훈", "소라", "정우", "보람", "나래", "경수", "예린", "상철", "지호",
)  # fmt: skip

# Formal settings give the family name too.
FULL_NAMES = tuple(family + given for family, given in zip("김이박최정강조윤장임한오" * 2, NAMES, strict=True))

# For what has already happened or happens every week, where "next week" would make no sense.
PLAIN_DAYS = ("월요일", "화요일", "수요일", "목요일", "금요일", "토요일", "일요일")

DAYS = (*PLAIN_DAYS, "다음 주 월요일", "다음 주 수요일", "다음 주 금요일")

WEEKDAYS = ("월요일", "화요일", "수요일", "목요일", "금요일", "다음 주 월요일", "다음 주 화요일", "다음 주 수요일", "다음 주 목요일")

HOURS = (
    "오전 9시", "오전 10시", "오전 10시 반", "오전 11시", "오후 1시", "오후 2시",
    "오후 2시 반", "오후 3시", "오후 3시 반", "오후 4시", "오후 4시 반", "오후 5시",
)  # fmt: skip

EVENINGS = ("저녁 6시", "저녁 6시 반", "저녁 7시", "저녁 7시 반", "저녁 8시", "저녁 8시 반")

GROUPS = ("두 명", "세 명", "네 명", "다섯 명", "여섯 명", "여덟 명")

CITIES = ("부산", "대구", "광주", "대전", "강릉", "전주", "여수", "경주", "포항", "목포")

PRICES = ("3만 원", "4만 원", "5만 원", "6만 원", "7만 원", "8만 원", "9만 원", "10만 원", "12만 원", "15만 원")

DURATIONS = ("이틀", "사흘", "나흘", "닷새", "일주일", "열흘")
