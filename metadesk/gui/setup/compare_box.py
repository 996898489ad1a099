"""Models side by side: the list of those that stand beside the main one."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QToolButton, QVBoxLayout, QWidget

from metadesk.gui.session import Session
from metadesk.gui.theme import icon, set_role, tones


class CompareBox(QWidget):
    """Puts the model that is set into the comparison, and takes models out of it."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("compareBox")
        self._session = session
        self._shown: object = None
        words = QLabel(
            self.tr("Fixed and random effects always stand beside the main model."), self
        )
        words.setWordWrap(True)
        set_role(words, "muted")
        self._list = QVBoxLayout()
        self._list.setSpacing(2)
        self.add = QPushButton(self.tr("Add this model to the comparison"), self)
        self.add.setObjectName("compareAdd")
        self.add.setAccessibleName(self.tr("Add this model to the comparison"))
        self.add.clicked.connect(self._add)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(words)
        column.addLayout(self._list)
        column.addWidget(self.add)
        session.spec_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the models of the comparison."""
        compare = self._session.spec.compare
        self.add.setEnabled(self._this() not in [dict(one) for one in compare])
        if compare == self._shown:
            return
        self._shown = compare
        while (item := self._list.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.hide()
                old.deleteLater()
        for i, one in enumerate(compare):
            self._list.addWidget(self._row(i, str(one.get("label", one["model"]))))

    def _row(self, i: int, label: str) -> QWidget:
        frame = QWidget(self)
        frame.setObjectName(f"compare{i}")
        words = QLabel(label, frame)
        words.setWordWrap(True)
        remove = QToolButton(frame)
        remove.setObjectName(f"compare{i}-remove")
        remove.setAccessibleName(self.tr("Take {0} out").format(label))
        remove.setToolTip(remove.accessibleName())
        remove.setIcon(icon("close", tones().muted))
        set_role(remove, "flat")
        remove.clicked.connect(partial(self._remove, i))
        row = QHBoxLayout(frame)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(words, 1)
        row.addWidget(remove)
        return frame

    def _this(self) -> dict[str, object]:
        from metadesk.analysis.fitting import model_label
        from metadesk.models.meta import MODELS

        spec = self._session.spec
        entry = MODELS[spec.model]
        moderators = spec.moderators if entry.explains else ""
        scale = spec.scale if entry.reads == "scale" else ""
        this: dict[str, object] = {
            "model": spec.model,
            "options": dict(spec.model_options),
            "moderators": moderators,
            "label": model_label(spec.model, spec.model_options, moderators, scale),
        }
        return {**this, "scale": scale} if scale else this

    def _add(self) -> None:
        spec = self._session.spec
        title = self.tr("Into the comparison: {0}").format(self._this()["label"])
        self._session.set_spec(replace(spec, compare=(*spec.compare, self._this())), title)

    def _remove(self, i: int, _checked: bool = False) -> None:
        spec = self._session.spec
        left = tuple(one for j, one in enumerate(spec.compare) if j != i)
        self._session.set_spec(replace(spec, compare=left), self.tr("Out of the comparison"))
