"""The portal's words in other languages: found in the sources, kept in ``locale``, compiled. For developers alone.

``make words`` brings ``locale`` up to date. What is compiled is kept beside what is written, so that a running
portal needs neither Babel nor gettext's tools.
"""
