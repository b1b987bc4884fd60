"""A hospital with 30 patients borrows from the model of another one."""

from __future__ import annotations

from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import crosstask as ct
from crosstask.datasets import load_heart

heart = load_heart().drop(columns=["chol", "slope", "ca", "thal"])
old, new = (heart[heart["hospital"] == name].drop(columns="hospital") for name in ["hungarian", "va"])
encode = make_pipeline(SimpleImputer(), StandardScaler()).fit(old.drop(columns="ill"))

source = LogisticRegression(C=0.1).fit(encode.transform(old.drop(columns="ill")), old["ill"])
few = new.sample(30, random_state=0)
rest = new.drop(few.index)
X, y = encode.transform(few.drop(columns="ill")), few["ill"]
X_rest, y_rest = encode.transform(rest.drop(columns="ill")), rest["ill"]

models = {
    "source as it stands": source,
    "30 patients alone": ct.PriorClassifier(None, random_state=0).fit(X, y),
    "fine-tuned": ct.FineTunedClassifier(source, random_state=0).fit(X, y),
    "prior": ct.PriorClassifier(source, random_state=0).fit(X, y),
}
print("log loss on the other 170 patients")
for name, model in models.items():
    print(f"{name:20s} {log_loss(y_rest, model.predict_proba(X_rest)):.3f}")
