"""Choosing the effect measure among cards: grouped by what a person has, searched by typing."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from metadesk.document.words import inside
from metadesk.gui.effects.card import MeasureCard
from metadesk.gui.session import Session
from metadesk.gui.theme import panel_css, set_role, tones
from metadesk.options import options_of

GAP, NARROWEST = 12, 300


class CardField(QWidget):
    """Headings and cards in as many columns as the width allows."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("cardField")
        self.families: list[tuple[QLabel, list[MeasureCard]]] = []

    def shown_cards(self) -> list[MeasureCard]:
        """The cards that a search left, in reading order."""
        return [c for _, cards in self.families for c in cards if not c.isHidden()]

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Arrange anew."""
        super().resizeEvent(event)
        self.arrange()

    @property
    def columns(self) -> int:
        """How many cards stand beside each other."""
        return max(1, (self.width() + GAP) // (NARROWEST + GAP))

    def arrange(self) -> None:
        """Give every card that is shown its place; rows are as high as their highest card."""
        count, top = self.columns, 4
        wide = (self.width() - GAP * (count - 1)) // count
        for heading, cards in self.families:
            seen = [card for card in cards if not card.isHidden()]
            heading.setVisible(bool(seen))
            if not seen:
                continue
            heading.setGeometry(0, top, self.width(), heading.sizeHint().height())
            top += heading.sizeHint().height() + 8
            for start in range(0, len(seen), count):
                row = seen[start : start + count]
                tall = max(card.height_for(wide) for card in row)
                for i, card in enumerate(row):
                    card.setGeometry(i * (wide + GAP), top, wide, tall)
                top += tall + GAP
            top += 12
        self.setMinimumHeight(top)


class MeasureCards(QDialog):
    """The catalogue of measures; what cannot be formed says which columns are missing."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.setObjectName("measureCards")
        self.setAccessibleName(self.tr("Effect measures"))
        self.setWindowTitle(self.tr("What shall be measured?"))
        self.setModal(True)
        self.search = QLineEdit(self)
        self.search.setObjectName("measureSearch")
        self.search.setAccessibleName(self.tr("Search a measure"))
        self.search.setPlaceholderText(self.tr("Search: odds, hedges, crossover, correlation …"))
        self.search.setClearButtonEnabled(True)
        self.only = QCheckBox(self.tr("Only what this sheet's columns can form"), self)
        self.only.setObjectName("onlyPossible")
        self.field = CardField()
        self.area = QScrollArea(self)
        self.area.setObjectName("cardScroll")
        self.area.setAccessibleName(self.tr("Measures"))
        self.area.setWidgetResizable(True)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.setWidget(self.field)
        self.about = QLabel(self)
        self.about.setObjectName("measureAbout")
        self.about.setWordWrap(True)
        self.about.setTextFormat(Qt.TextFormat.RichText)
        self.about.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.about.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self.about.setMinimumHeight(6 * self.fontMetrics().height())
        self._build()
        self._fill()
        self.search.textChanged.connect(self._filter)
        self.only.toggled.connect(self._filter)
        self.search.installEventFilter(self)
        self.setStyleSheet(panel_css(tones()))
        self.resize(1010, 720)
        self._start()

    def _build(self) -> None:
        top = QHBoxLayout()
        top.setSpacing(16)
        top.addWidget(self.search, 1)
        top.addWidget(self.only)
        buttons = QDialogButtonBox(self)
        self.choose_button = QPushButton(self.tr("Choose"), self)
        self.choose_button.setObjectName("chooseMeasure")
        self.choose_button.setDefault(True)
        self.choose_button.clicked.connect(self._choose_current)
        automatic = QPushButton(self.tr("Automatic: follow the columns"), self)
        automatic.setObjectName("automaticMeasure")
        automatic.setAutoDefault(False)
        automatic.clicked.connect(lambda: self._take(""))
        close = buttons.addButton(QDialogButtonBox.StandardButton.Cancel)
        close.setAutoDefault(False)
        buttons.addButton(automatic, QDialogButtonBox.ButtonRole.ResetRole)
        buttons.addButton(self.choose_button, QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 16, 20, 16)
        column.setSpacing(12)
        column.addLayout(top)
        column.addWidget(self.area, 1)
        column.addWidget(self.about)
        column.addWidget(buttons)

    def _fill(self) -> None:
        from metadesk.effects import MEASURES

        have = {*self._session.table.roles, *self._session.spec.roles}
        groups: dict[str, list[MeasureCard]] = {}
        for measure in MEASURES:
            card = MeasureCard(measure, have, self.field)
            card.clicked.connect(lambda _=False, card=card: self._clicked(card))
            card.installEventFilter(self)
            groups.setdefault(measure.family, []).append(card)
        possible = sorted(groups.items(), key=lambda g: not any(c.possible for c in g[1]))
        for family, cards in possible:
            heading = QLabel(self.tr(family), self.field)
            set_role(heading, "heading")
            self.field.families.append((heading, cards))

    def _start(self) -> None:
        """Stand on the measure in use."""
        prepared = self._session.prepared
        now = self._session.spec.measure or (prepared.measure if prepared is not None else "")
        cards = self.field.shown_cards()
        first = next((c for c in cards if c.measure.key == now), None)
        self._mark(first or next((c for c in cards if c.possible), cards[0]))
        self.search.setFocus()

    @property
    def current(self) -> MeasureCard | None:
        """The card that is marked."""
        return next((c for _, cards in self.field.families for c in cards if c.isChecked()), None)

    def card(self, key: str) -> MeasureCard:
        """The card of a measure."""
        return next(c for _, cards in self.field.families for c in cards if c.measure.key == key)

    def _mark(self, card: MeasureCard) -> None:
        for _, cards in self.field.families:
            for other in cards:
                other.setChecked(other is card)
        self.about.setText(about_measure(card))
        self.choose_button.setEnabled(card.possible)
        self.area.ensureWidgetVisible(card, 0, 40)

    def _clicked(self, card: MeasureCard) -> None:
        self._mark(card)

    def _choose_current(self) -> None:
        card = self.current
        if card is not None and card.possible:
            self._take(card.measure.key)

    def _take(self, key: str) -> None:
        spec = self._session.spec
        if key != spec.measure:
            from metadesk.effects import MEASURES

            name = MEASURES[key].title if key else self.tr("automatic")
            title = self.tr("Measure: {0}").format(name)
            self._session.set_spec(replace(spec, measure=key, measure_options={}), title)
        self.accept()

    def _filter(self) -> None:
        words = self.search.text().lower().split()
        for _, cards in self.field.families:
            for card in cards:
                card.setVisible(card.fits(words) and (card.possible or not self.only.isChecked()))
        self.field.arrange()
        seen, now = self.field.shown_cards(), self.current
        if seen and (now is None or now.isHidden()):
            self._mark(next((c for c in seen if c.possible), seen[0]))
        if not seen:
            self.about.setText(self.tr("No measure fits these words."))
            self.choose_button.setEnabled(False)

    # ------------------------------------------------------------------ keyboard
    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Arrows walk through the cards, Enter chooses; a double click does both."""
        if event.type() == QEvent.Type.MouseButtonDblClick and isinstance(watched, MeasureCard):
            self._mark(watched)
            self._choose_current()
            return True
        if event.type() == QEvent.Type.FocusIn and isinstance(watched, MeasureCard):
            self._mark(watched)
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._choose_current()
                return True
            step = self._step_of(Qt.Key(event.key()), from_search=watched is self.search)
            if step:
                self._walk(step)
                return True
        return super().eventFilter(watched, event)

    def _step_of(self, key: Qt.Key, *, from_search: bool) -> int:
        steps = {Qt.Key.Key_Down: self.field.columns, Qt.Key.Key_Up: -self.field.columns}
        if not from_search:
            steps |= {Qt.Key.Key_Right: 1, Qt.Key.Key_Left: -1}
        return steps.get(key, 0)

    def _walk(self, step: int) -> None:
        seen, now = self.field.shown_cards(), self.current
        if not seen:
            return
        at = seen.index(now) if now in seen else 0
        card = seen[min(max(at + step, 0), len(seen) - 1)]
        self._mark(card)
        if not self.search.hasFocus():
            card.setFocus()


def about_measure(card: MeasureCard) -> str:
    """Everything the catalogue knows about a measure, as rich text."""
    from html import escape

    measure, scale = card.measure, card.measure.scale
    if scale.is_identity:
        read = f"analysed and shown as {scale.name}"
    else:
        read = f"analysed on the {scale.key} scale, shown as {scale.name}"
    reported = sum(route.source == "estimate" for route in measure.routes)
    raw = [route.title for route in measure.routes if route.source != "estimate"]
    ways = "; ".join(raw[:6]) + (f"; {len(raw) - 6} more" if len(raw) > 6 else "")
    if reported:
        ways += "; " * bool(ways) + "or a reported estimate with its SE, interval, z or p"
    options = ", ".join(inside(option.title) for option in options_of(measure.options))
    lines = [
        f"<b>{escape(measure.title)}</b> – {escape(measure.sentence)}",
        f"{escape(measure.formula)}; {escape(read)}.",
        f"Works from: {escape(ways)}.",
        *([f"Options: {escape(options)}."] if options else []),
        f"<span style='color:{tones().muted}'>{escape(measure.citation.full)}</span>",
    ]
    return "<br>".join(lines)
