"""Ways of choosing the next point, one file each.

A file has `SUMMARY`, a sentence for people, and `suggest(study, space, request) -> Suggestion | None`: the next point, asked of the
Optuna study, as a pure function of what the study has been told and of the request (`asking.Request`), so that a run that was
interrupted goes on as if it had not been. None says that it found no fresh point. With `LEARNS = False` it says that it takes no notice of
what has been found, so that no earlier run can teach it anything. A file that can only search for one objective has `ONE_OBJECTIVE`, why;
spaces that ask it for several are refused with that.
"""
