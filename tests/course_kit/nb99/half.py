"""A number, for the tests of the framework."""

from course_kit.exercises import Exercise, Wrong

exercise = Exercise(__name__, "One half?", shows="Divide.", kind="number")

solved_half = exercise.reference(
    max(
        0,
        1 / 2,
    )  # a comment
)


@exercise.judge
def judge(number):
    if number != 0.5:
        raise Wrong(f"Your number is {number!r}.")
    return f"It is of the type {type(number).__name__}."


exercise.wrong("A half is a third.", 1 / 3, told="number is 0.333")
exercise.wrong("A half is a whole.", 1, told="number is 1.")
exercise.wrong("A half is two sevenths.", 2 / 7, asks="Why seven?")
