"""The row calculator: type what a paper says of one study and see what follows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QButtonGroup,
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QRadioButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from metadesk.document.numbers import fixed, in_sentence
from metadesk.gui.session import Session
from metadesk.gui.theme import panel_css, set_role, tones
from metadesk.table import ROLES, number_for, parse_number, shown
from metadesk.table.stepping import Doing, RowWriting, step_edit

if TYPE_CHECKING:
    from metadesk.effects import Measure
    from metadesk.effects.calculator import Calculation, Solution

HELPING = ("est", "yi", "lower", "upper", "level", "sei", "vi", "zi", "pval", "dfs")


def fields_of(measure: Measure) -> dict[str, dict[str, str]]:
    """The roles that can be known of a study, by group, each with its words."""
    from metadesk.effects.conversions.steps import step_roles

    titles: dict[str, str] = {}
    for route in measure.routes:
        for need in route.needs:
            titles.setdefault(need.role, need.title)
    known = {role.key for role in ROLES}
    for role in (*step_roles(measure.key), *HELPING):
        titles.setdefault(role, ROLES[role].title)
    arms = {1: "Group 1", 2: "Group 2"}
    two = any(ROLES[r].arm == 2 for r in titles if r in known)
    groups: dict[str, dict[str, str]] = {"Group 1": {}, "Group 2": {}, "Both together": {}}
    for role, title in titles.items():
        if role not in known:
            continue
        reported = role in HELPING
        group = arms.get(ROLES[role].arm, "") if two else ""
        place = "As reported" if reported else group or "Both together"
        groups.setdefault(place, {})[role] = title
    if not two and "Both together" in groups:
        groups["The study"] = groups.pop("Both together")
    groups["As reported"] = groups.pop("As reported")
    return {name: roles for name, roles in groups.items() if roles}


class RowCalculator(QDialog):
    """Fields for what is known; what follows stands grey in the empty ones."""

    def __init__(self, session: Session, row_id: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._row_id = session, row_id
        self._measure = self._measure_key()
        self.fields: dict[str, QLineEdit] = {}
        self._before: dict[str, float] = {}
        self._found: Calculation | None = None
        self.setObjectName("rowCalculator")
        self.setAccessibleName(self.tr("Row calculator"))
        label = session.table.label(row_id)
        self.setWindowTitle(self.tr("Row calculator: {0}").format(label))
        self._build()
        self.setStyleSheet(panel_css(tones()))
        self.resize(900, 660)
        self._start()

    def _measure_key(self) -> str:
        prepared = self._session.prepared
        return self._session.spec.measure or (prepared.measure if prepared else "") or "GEN"

    def _options(self) -> Mapping[str, Any]:
        """The options of the measure in force; none for a measure that nobody chose."""
        prepared = self._session.prepared
        if prepared is not None and prepared.measure == self._measure:
            return prepared.spec.measure_options
        return {}

    # ------------------------------------------------------------------ putting together
    def _build(self) -> None:
        from metadesk.effects import MEASURES

        entry = MEASURES[self._measure]
        head = QLabel(
            self.tr("<b>{0}</b>: type what the paper says. What follows appears in grey.").format(
                escape(entry.title)
            ),
            self,
        )
        head.setObjectName("calculatorHead")
        body = QWidget(self)
        body.setObjectName("calculatorFields")
        across = QHBoxLayout(body)
        across.setContentsMargins(0, 0, 8, 0)
        across.setSpacing(24)
        for group, roles in fields_of(entry).items():
            across.addLayout(self._group(group, roles), 1)
        area = QScrollArea(self)
        area.setWidgetResizable(True)
        area.setWidget(body)
        area.setObjectName("calculatorScroll")
        self.answer = QLabel(self)
        self.answer.setObjectName("calculatorAnswer")
        self.answer.setWordWrap(True)
        self.choices = QVBoxLayout()
        self.choices.setSpacing(4)
        self._radios = QButtonGroup(self)
        self._radios.idClicked.connect(lambda _: self._show_solution())
        self.steps = QLabel(self)
        self.steps.setObjectName("calculatorSteps")
        self.steps.setWordWrap(True)
        self.steps.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        set_role(self.steps, "muted")
        below = QScrollArea(self)
        below.setObjectName("calculatorStepsArea")
        below.setWidgetResizable(True)
        below.setWidget(self.steps)
        below.setMaximumHeight(7 * self.fontMetrics().height())
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel, self)
        self.take = QPushButton(self.tr("Write into the sheet"), self)
        self.take.setObjectName("calculatorTake")
        self.take.setDefault(True)
        self.take.clicked.connect(self._write)
        self.buttons.addButton(self.take, QDialogButtonBox.ButtonRole.AcceptRole)
        self.buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 16, 20, 16)
        column.setSpacing(12)
        column.addWidget(head)
        column.addWidget(area, 1)
        column.addWidget(self.answer)
        column.addLayout(self.choices)
        column.addWidget(below)
        column.addWidget(self.buttons)

    def _group(self, title: str, roles: dict[str, str]) -> QVBoxLayout:
        heading = QLabel(self.tr(title), self)
        set_role(heading, "heading")
        grid = QGridLayout()
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(0, 3)
        grid.setColumnStretch(1, 2)
        for row, (role, words) in enumerate(roles.items()):
            line = QLineEdit(self)
            line.setObjectName(f"calc-{role}")
            line.setAccessibleName(words)
            line.setMinimumWidth(72)
            line.setToolTip(f"{words} ({role})")
            line.textEdited.connect(self._calculate)
            label = QLabel(_without_group(words), self)
            label.setBuddy(line)
            label.setWordWrap(True)
            label.setToolTip(f"{words} ({role})")
            set_role(label, "field")
            grid.addWidget(label, row, 0)
            grid.addWidget(line, row, 1)
            self.fields[role] = line
        column = QVBoxLayout()
        column.setSpacing(8)
        column.addWidget(heading)
        column.addLayout(grid)
        column.addStretch(1)
        return column

    def _start(self) -> None:
        """Fill in what the row holds."""
        table = self._session.table
        at = table.row_position(self._row_id)
        for role, line in self.fields.items():
            column = table.with_role(role)
            value = math.nan if column is None else number_for(role, column.cells[at])
            if not math.isnan(value):
                line.setText(shown(value))
                self._before[role] = value
        first = next((f for r, f in self.fields.items() if r not in self._before), None)
        if first is not None:
            first.setFocus()
        self._calculate()

    # ------------------------------------------------------------------ what follows
    def known(self) -> dict[str, float]:
        """The numbers that were typed."""
        found = {}
        for role, line in self.fields.items():
            parsed = parse_number(line.text())
            if parsed is not None:
                found[role] = parsed.value
        return found

    def _calculate(self) -> None:
        from metadesk.effects.calculator import calculate

        self._found = calculate(self._measure, self.known(), self._options(), level=0.95)
        for button in self._radios.buttons():
            self._radios.removeButton(button)
            self.choices.removeWidget(button)
            button.setParent(None)
            button.deleteLater()
        if self._found.is_ambiguous:
            for number, solution in enumerate(self._found.solutions):
                self._add_choice(number, solution)
        self._show_solution()

    def _add_choice(self, number: int, solution: Solution) -> None:
        out = _told_by_group([(self._title(r), x) for r, x in self._own(number)])
        radio = QRadioButton(f"{out} → {self._effect_words(solution)}", self)
        radio.setObjectName(f"solution-{number}")
        self._radios.addButton(radio, number)
        self.choices.addWidget(radio)

    def _own(self, number: int) -> list[tuple[str, float]]:
        """The values in which a solution differs from the others."""
        assert self._found is not None
        mine = self._found.solutions[number].values
        others = [s.values for i, s in enumerate(self._found.solutions) if i != number]
        route = self._route(self._found.solutions[number])
        roles = self._roles_of(route) if route else tuple(mine)
        return [
            (r, mine[r])
            for r in roles
            if r in mine and any(other.get(r) != mine[r] for other in others)
        ]

    @property
    def solution(self) -> Solution | None:
        """The one solution, or the one the person said it is."""
        if self._found is None or not self._found.solutions:
            return None
        if not self._found.is_ambiguous:
            return self._found.solutions[0]
        number = self._radios.checkedId()
        return self._found.solutions[number] if number >= 0 else None

    def _show_solution(self) -> None:
        found = self.solution
        derived = found.derived if found is not None else {}
        for role, line in self.fields.items():
            line.setPlaceholderText(in_sentence(derived[role]) if role in derived else "")
        asks = self._found is not None and self._found.is_ambiguous and found is None
        self.take.setEnabled(not asks and bool(self.known()))
        if asks:
            self.answer.setText(self.tr("<b>Two studies fit these numbers. Which one is it?</b>"))
        elif found is not None and not math.isnan(found.yi):
            self.answer.setText(f"<b>{self._effect_words(found)}</b>")
        elif found is not None:
            self.answer.setText(escape(found.reason or ""))
        taken = found.taken if found is not None else ()
        lines = [
            f"{escape(step.sentence)} <i>{escape(step.step.citation.short)}</i>" for step in taken
        ]
        notes = [escape(note) for note in found.notes] if found is not None else []
        self.steps.setText("<br>".join([*notes, *lines]))

    def _effect_words(self, solution: Solution) -> str:
        from metadesk.effects import MEASURES
        from metadesk.numerics.tails import quantile

        entry = MEASURES[self._measure]
        if math.isnan(solution.yi):
            return solution.reason or ""
        half = float(quantile(self._session.spec.level)) * math.sqrt(solution.vi)
        scale = entry.scale
        ends = [float(scale.read(x)) for x in (solution.yi, solution.yi - half, solution.yi + half)]
        route = self._route(solution)
        via = f" ({entry.route(route).title})" if route else ""
        return f"{entry.short} {fixed(ends[0], 3)} [{fixed(ends[1], 3)}, {fixed(ends[2], 3)}]{via}"

    def _title(self, role: str) -> str:
        line = self.fields.get(role)
        return line.accessibleName() if line is not None else role

    def _route(self, solution: Solution) -> str | None:
        """The route that the typed values open by themselves, else the one the derived ones open.

        What was worked out on the way need not stand in the sheet where the typed values suffice,
        unless the person had to say which of several studies it is: then it is the route with the
        fewest worked-out values that tells them apart.
        """
        from metadesk.effects import MEASURES

        known = self.known()
        if self._found is not None and self._found.is_ambiguous:
            others = [s.values for s in self._found.solutions if s is not solution]
            mine = solution.values
            telling = {r for r, x in mine.items() if any(of.get(r) != x for of in others)}
            open_ = [
                r
                for r in MEASURES[self._measure].routes
                if telling.intersection(r.roles) and set(r.roles) <= mine.keys()
            ]
            fewest = min(open_, key=lambda r: len(set(r.roles) - known.keys()), default=None)
            return fewest.key if fewest is not None else solution.route
        for route in MEASURES[self._measure].routes:
            if all(role in known for role in route.roles):
                return route.key
        return solution.route

    def _roles_of(self, route: str) -> tuple[str, ...]:
        from metadesk.effects import MEASURES

        return MEASURES[self._measure].route(route).roles

    # ------------------------------------------------------------------ into the sheet
    def _write(self) -> None:
        known, found = self.known(), self.solution
        values: dict[str, float | None] = dict.fromkeys(r for r in self._before if r not in known)
        values |= known
        route = self._route(found) if found is not None else None
        derived = [
            role
            for role in (self._roles_of(route) if route else ())
            if found is not None and role in found.values and role not in known
        ]
        values |= {role: found.values[role] for role in derived if found is not None}
        taken = found.leading_to(derived) if found is not None else ()
        doing = Doing(
            "calculator",
            self.tr("Row calculator"),
            citation="; ".join(dict.fromkeys(step.step.citation.full for step in taken)),
        )
        typed = frozenset(values) - frozenset(derived)
        how = {role: step.sentence for step in taken for role in step.outputs if role in derived}
        between = [step.sentence for step in taken if not how.keys() & step.outputs.keys()]
        row = RowWriting(self._row_id, values, typed, how, tuple(between))
        table = self._session.table
        title = self.tr("Row calculator, {0}").format(table.label(self._row_id))
        edit = step_edit(table, doing, [row], title)
        if edit is not None:
            self._session.apply(edit)
        self.accept()


def _told_by_group(values: list[tuple[str, float]]) -> str:
    """Values with their titles, each group's together: 'group 1: events 5, …; group 2: …'."""
    parts: dict[str, list[str]] = {}
    for title, x in values:
        bare = _without_group(title)
        parts.setdefault(title.removeprefix(bare).removeprefix(", "), []).append(
            f"{bare[:1].lower()}{bare[1:]} {in_sentence(x)}"
        )
    told = [f"{group}: {', '.join(of)}" if group else ", ".join(of) for group, of in parts.items()]
    words = "; ".join(told)
    return f"{words[:1].upper()}{words[1:]}"


def _without_group(words: str) -> str:
    """A title under the heading of its group: 'SD, group 1' becomes 'SD'."""
    for tail in (", group 1", ", group 2", ", treated", ", control"):
        words = words.replace(tail, "")
    return words
