"""Four hospitals, 20 patients each: a guarded model and its verdict, then the same with a candidate of your own."""

from __future__ import annotations

from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import log_loss

import crosstask as ct
from crosstask.datasets import load_heart

heart = load_heart()
X, ill = heart.drop(columns="ill"), heart["ill"]
train, test = next(ct.TaskShuffleSplit(1, train_size=20, task_column="hospital", random_state=0).split(X, ill))

model = ct.CrossTaskClassifier("linear", task_column="hospital", random_state=0)
model.fit(X.iloc[train], ill.iloc[train])
print(model.verdict_)
print(f"log loss on the other patients: {log_loss(ill.iloc[test], model.predict_proba(X.iloc[test])):.3f}")

forest = RandomForestClassifier(50, min_samples_leaf=5, random_state=0)
model = ct.CrossTaskClassifier([("forest", forest)], task_column="hospital", random_state=0)
model.fit(X.iloc[train], ill.iloc[train])
print(model.verdict_)
print(f"log loss with a forest as the candidate: {log_loss(ill.iloc[test], model.predict_proba(X.iloc[test])):.3f}")
