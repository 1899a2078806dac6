"""Errors tell who can act, and carry JSON-ready details."""

import json
import subprocess
import sys

from annotation.errors import InvalidFeature, OverlappingFeatures, SolcommunError, UnknownClass, UserError


def test_an_invalid_feature_answers_422_with_its_id_and_place_as_json():
    error = InvalidFeature("Feature 'a' crosses itself", feature_id="a", at=(3, 4))
    assert (error.status, error.code) == (422, "invalid_feature")
    assert json.loads(json.dumps(error.details)) == {"feature_id": "a", "at": [3, 4]}


def test_an_overlap_names_both_features():
    error = OverlappingFeatures("overlap", first_id="a", second_id="b", at=(1, 2))
    assert error.details["first_id"] == "a"
    assert error.details["second_id"] == "b"
    assert error.details["at"] == [1, 2]


def test_an_unknown_class_is_an_invalid_feature_with_its_own_code():
    assert issubclass(UnknownClass, InvalidFeature)
    assert UnknownClass.code == "unknown_class"


def test_an_error_without_details_has_an_empty_object_of_its_own():
    first, second = SolcommunError("x"), SolcommunError("y")
    first.details["k"] = 1
    assert second.details == {}
    assert not isinstance(first, UserError)


def test_the_core_and_its_errors_never_load_django():
    program = (
        "import sys, annotation.errors, annotation.core.labels, annotation.core.nomenclature, "
        "annotation.core.holdout, annotation.core.agreement; "
        "print([m for m in sys.modules if m.split('.')[0] in ('django', 'rest_framework', 'celery', 'torch')])"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
