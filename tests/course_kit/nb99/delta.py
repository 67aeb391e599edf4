"""A choice, for the tests of the framework."""

from course_kit.exercises import Exercise, Wrong

exercise = Exercise(
    __name__,
    "What happens to the slope for a large `k`?",
    shows="Tell peak from area.",
    kind="choice",
    options={key: f"Option `{key}` & more." for key in "abcd"},
)


@exercise.judge
def judge(key):
    if key != "c":
        raise Wrong(f"{key}: see <the> peak.")
    return "Its area is 2/k, where k is large."


for option in "abd":
    exercise.wrong(f"Something else: {option}.", option, asks="Is it wide?")
