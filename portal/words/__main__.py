"""`make words`: look for new words in the sources, keep what is translated, compile, and name what is missing."""

import sys

from portal.words import catalogs


def main() -> int:
    """0 when every word of every language is translated, 1 otherwise."""
    missing = 0
    for domain in catalogs.DOMAINS:
        for language in catalogs.languages():
            catalog = catalogs.renewed(language, domain)
            catalogs.write(catalog, language, domain)
            for message in catalogs.untranslated(catalog):
                print(f"{language} {domain}: {message!r} is not translated")
                missing += 1
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
