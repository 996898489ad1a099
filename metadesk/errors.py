"""What can go wrong, each as one sentence for the person at the desk."""


class MetadeskError(Exception):
    """The root of all errors that metadesk raises on purpose; its text is shown as it stands."""


class DataProblem(MetadeskError):
    """The data cannot carry what was asked: says where, what, and what would mend it."""


class SpecProblem(MetadeskError):
    """The request itself is wrong: an unknown measure, an option out of range."""


class FileProblem(MetadeskError):
    """A file cannot be read or written: says which, why, and what to do."""


class RankError(MetadeskError):
    """A design has fewer rows than columns or columns that say the same."""


class NotEstimable(MetadeskError):
    """The data are valid but do not determine the quantity asked for."""


class Cancelled(Exception):
    """The person pressed Cancel; caught by the worker, never shown as an error."""
