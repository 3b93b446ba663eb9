"""How the house refuses: one sentence that names the argument and says what it must be."""

import pytest

from tutelage.errors import ArgumentError


def refused(message, function, *arguments, **keywords):
    """Expect one sentence, in the house form, that contains `message`."""
    with pytest.raises(ArgumentError) as caught:
        function(*arguments, **keywords)
    sentence = str(caught.value)
    assert message in sentence
    assert sentence.startswith("Argument `")
    assert " must " in sentence
    assert ", but " in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence
