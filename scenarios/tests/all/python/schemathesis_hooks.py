"""What schemathesis has to know of a house: how an administrator signs in, and what would end its own run.

HOUSE is where the house is, HOUSE_EMAIL and HOUSE_PASSWORD whose sign-in it is.
"""

import atexit
import collections
import os

import requests
import schemathesis

HOUSE = os.environ["HOUSE"]
EMAIL = os.environ["HOUSE_EMAIL"]

token = None
answers = collections.defaultdict(collections.Counter)


def sign_in():
    """A token of our own; schemathesis ends tokens as it pleases, ours among them."""
    global token
    document = {"email": EMAIL, "password": os.environ["HOUSE_PASSWORD"]}
    answer = requests.post(f"{HOUSE}/api/v1/login", json=document, timeout=60)
    answer.raise_for_status()
    token = answer.json()["token"]


@schemathesis.auth(refresh_interval=None, cache_by_key=lambda case, context: token)
class Bearer:
    def get(self, case, context):
        if token is None:
            sign_in()
        return token

    def set(self, case, data, context):
        case.headers = case.headers or {}
        case.headers["Authorization"] = f"Bearer {token}"


@schemathesis.hook
def after_call(context, case, response):
    global token
    answers[case.operation.label][response.status_code] += 1
    if response.status_code == 401 and b"sign-in-ended" in response.content:
        token = None


@schemathesis.hook
def filter_case(context, case):
    """5.0 for 5: JSON Schema counts that among the integers. We do not, and say so with a 400."""
    return not has_whole_float(case.body)


@schemathesis.hook
def before_call(context, case, kwargs):
    """What would suspend the run's own administrator, or change their password, befalls Sam."""
    parameters = case.path_parameters or {}
    for name, value in parameters.items():
        if EMAIL in str(value):
            parameters[name] = "sam@example.org"


def has_whole_float(value):
    if isinstance(value, dict):
        return any(has_whole_float(inner) for inner in value.values())
    if isinstance(value, list):
        return any(has_whole_float(inner) for inner in value)
    return isinstance(value, float) and value.is_integer()


@atexit.register
def tell():
    """A run that was refused at the door must not be taken for one that found nothing."""
    done = {label for label, statuses in answers.items() if any(status < 300 for status in statuses)}
    for label in sorted(answers.keys() - done):
        print("never done:", label, *(f"{status}={count}" for status, count in sorted(answers[label].items())))
    print(f"done: {len(done)} operations")
