"""Words in templates."""

from django import template

from liveness import words

register = template.Library()
register.filter("inside", words.inside)
