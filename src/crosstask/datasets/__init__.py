"""Data to try things on: three real tables that come with the package, and related tasks with known truth."""

from crosstask.datasets._related import RelatedTasks, make_related_tasks
from crosstask.datasets._tables import load_heart, load_parkinsons, load_sentences

__all__ = ["RelatedTasks", "load_heart", "load_parkinsons", "load_sentences", "make_related_tasks"]
