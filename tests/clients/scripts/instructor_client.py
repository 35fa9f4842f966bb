"""Instructor, in the mode that asks for JSON in words."""

import instructor
from asking import AGAIN, HELLO, HELPER, KEY, URL, tell
from openai import OpenAI
from pydantic import BaseModel

official = OpenAI(base_url=URL, api_key=KEY, max_retries=1)
client = instructor.from_openai(official, mode=instructor.Mode.MD_JSON)
history: list[object] = [{"role": "user", "content": HELLO}]


class Person(BaseModel):
    name: str
    age: int


def ask(messages: list[object], model: str = "clients/person") -> tuple[Person, object]:
    return client.create_with_completion(
        model=model, messages=messages, response_model=Person, max_retries=1
    )


def person() -> dict[str, object]:
    found, completion = ask(history)
    history.append(completion.choices[0].message)
    return found.model_dump()


def same_person() -> dict[str, object]:
    found, _ = ask([*history, {"role": "user", "content": AGAIN}])
    return found.model_dump()


def by_default() -> str:
    """Ask in the mode that is used where none is named."""
    try:
        found = instructor.from_openai(official).create(
            model="clients/person", messages=history[:1], response_model=Person, max_retries=1
        )
    except Exception as error:  # noqa: BLE001  What it raises is the question.
        said = str(error)
        return "refused" if "(function calling) is not taken by" in said else said
    return f"answered: {found!r}"


def schema() -> dict[str, object]:
    """Ask so where that is taken: it forces a call of a tool."""
    found = instructor.from_openai(official).create(
        model=HELPER, messages=history[:1], response_model=Person, max_retries=1
    )
    return found.model_dump()


def fail(model: str) -> object:
    return ask(history[:1], model)


tell(person=person, same_person=same_person, by_default=by_default, schema=schema, fail=fail)
