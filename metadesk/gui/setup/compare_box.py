"""Models side by side: the list of those that stand beside the main one."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from metadesk.gui.session import Session
from metadesk.gui.setup.listed import listed
from metadesk.gui.theme import set_role


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
            self._list.addWidget(
                listed(
                    str(one.get("label", one["model"])),
                    f"compare{i}",
                    partial(self._remove, i),
                    self,
                )
            )

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

    def _remove(self, i: int) -> None:
        spec = self._session.spec
        left = tuple(one for j, one in enumerate(spec.compare) if j != i)
        self._session.set_spec(replace(spec, compare=left), self.tr("Out of the comparison"))
