"""How long one answer may be."""

from veneer_protocol import UpstreamError


class AnswerTooLongError(UpstreamError):
    """An answer is longer than `VENEER_MAX_ANSWER_BYTES`."""

    code = "answer_too_long"


class Length:
    """Counts the bytes of one answer, those too that nobody is there to read."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._so_far = 0

    def add(self, content: bytes) -> bytes:
        """Give `content`, which is the next of the answer.

        Raises:
            AnswerTooLongError: with it the answer is too long.
        """
        self._so_far += len(content)
        if self._so_far > self._most:
            raise AnswerTooLongError(f"The answer is longer than {self._most} bytes.")
        return content
