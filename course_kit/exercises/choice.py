"""A question with options: buttons where a kernel runs, an answer to unfold everywhere."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from ..frontend import STATIC, has_widgets
from .examine import Result, as_html, examine
from .exercise import Exercise

if TYPE_CHECKING:
    import ipywidgets

__all__ = ["STATIC", "Question"]

_LOOK = 'class="exercise-text" style="max-width:46em"'


class Question:
    """A question, shown by itself in a notebook and in a terminal.

    Attributes:
        result: what was said to the answer given; None if none was given.

    Raises:
        ValueError: the exercise has no options.
    """

    def __init__(self, exercise: Exercise, answer: str | None = None) -> None:
        if not exercise.options:
            raise ValueError(
                f"Exercise {exercise.id!r} has no options to choose from. "
                f"Use exercises.check({exercise.id!r}, your_answer)."
            )
        self._exercise, self._options = exercise, exercise.options
        self.result: Result | None = None if answer is None else examine(exercise, answer)

    def __repr__(self) -> str:
        options = "\n".join(f"  {key}) {text}" for key, text in self._options.items())
        shown = f"{self._exercise.title}\n{options}\n"
        if self.result is not None:
            return shown + repr(self.result)
        first = next(iter(self._options))
        return shown + f"To answer: exercises.predict({self._exercise.id!r}, {first!r})"

    def _repr_html_(self) -> str:
        verdict = self.result._repr_html_() if self.result else ""
        return self._question_html() + verdict + self._answers_html()

    def _ipython_display_(self) -> None:
        """Shows question, buttons and folded answers, one below the other.

        The buttons are an output of their own. Where they cannot be shown, as in an exported page,
        nothing else is lost.
        """
        from IPython.display import HTML, display

        if self.result is not None or not has_widgets():
            display(HTML(self._repr_html_()))
            return
        display(HTML(self._question_html()))
        display(self._buttons())
        display(HTML(self._answers_html()))

    def _question_html(self) -> str:
        items = "".join(
            f'<div style="padding-left:1.6em;text-indent:-1.6em">'
            f"<strong>{escape(key)})</strong> {as_html(text)}</div>"
            for key, text in self._options.items()
        )
        title = as_html(self._exercise.title)
        return f"<div {_LOOK}><p><strong>{title}</strong></p>{items}</div>"

    def _answers_html(self) -> str:
        """What is said to each option, the right one first, to unfold."""
        results = [(key, examine(self._exercise, key)) for key in self._options]
        results.sort(key=lambda entry: entry[1].status != "passed")
        items = "".join(
            f"<p><strong>{escape(key)}) {'Right' if said.status == 'passed' else 'No'}.</strong> "
            f"{as_html(said.message)}</p>"
            for key, said in results
        )
        return f"<details {_LOOK}><summary>Answer</summary>{items}</details>"

    def _buttons(self) -> ipywidgets.VBox:
        """Widgets that ipywidgets 7.7 has, as Colab does."""
        import ipywidgets as widgets

        choice = widgets.RadioButtons(
            options=list(self._options),
            index=None,
            description="Your answer:",
            style={"description_width": "initial"},
            layout={"width": "auto"},
        )
        button = widgets.Button(description="Check", tooltip="Check your answer")
        said = widgets.HTML()

        def tell(_: Any) -> None:
            if choice.value is None:
                said.value = as_html("Choose an option first.")
            else:
                said.value = examine(self._exercise, choice.value)._repr_html_()

        button.on_click(tell)
        return widgets.VBox([choice, button, said])
