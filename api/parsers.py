"""How bodies are read."""

import json
from collections.abc import Mapping
from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser


class BoundedJSONParser(JSONParser):
    """What Python cannot read or PostgreSQL cannot keep is a wrong request, not an error of the server.

    That is: brackets nested too deeply, NUL, and halves of a surrogate pair.
    """

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Raises ParseError."""
        try:
            found = super().parse(stream, media_type, parser_context)
            text = json.dumps(found, ensure_ascii=False)
            text.encode()
        except RecursionError as error:
            raise ParseError("The JSON is nested too deeply.") from error
        except UnicodeEncodeError as error:
            raise ParseError("The JSON has half of a surrogate pair in it.") from error
        if "\\u0000" in text:
            raise ParseError("The JSON has a NUL in it.")
        return found
