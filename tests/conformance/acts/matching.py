"""Whether a value is as a test of ACTS expects it (section 5 of its specification).

An expectation is a tree: a plain value is to be equal, a list is matched by position, and the keys
of a mapping are members to descend into, or operators. A key is an operator if it has an operator's
name and its argument makes sense for that operator: tests look at members called `type` too.
"""

import json
import re

ABSENT = object()


def _number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


TYPES = {
    'array': lambda value: isinstance(value, list),
    'boolean': lambda value: isinstance(value, bool),
    'null': lambda value: value is None,
    'number': _number,
    'object': lambda value: isinstance(value, dict),
    'string': lambda value: isinstance(value, str),
}


def _text(value):
    return value if isinstance(value, str) else json.dumps(value)


def _is(kind):
    return lambda argument: isinstance(argument, kind)


_whole = lambda argument: isinstance(argument, int) and not isinstance(argument, bool)

# name: (whether this is an argument of it, whether the value fulfils it)
OPERATORS = {
    'absent': (_is(bool), lambda value, wanted: (value is ABSENT) == wanted),
    'exists': (_is(bool), lambda value, wanted: (value is not ABSENT) == wanted),
    'type': (lambda argument: isinstance(argument, str) and argument in TYPES, lambda value, name: TYPES[name](value)),
    'contains': (_is(str), lambda value, part: part in value),
    'matches': (_is(str), lambda value, pattern: re.search(pattern, _text(value)) is not None),
    'starts_with': (_is(str), lambda value, start: _text(value).startswith(start)),
    'ends_with': (_is(str), lambda value, end: _text(value).endswith(end)),
    'gt': (_number, lambda value, bound: value > bound),
    'gte': (_number, lambda value, bound: value >= bound),
    'lt': (_number, lambda value, bound: value < bound),
    'lte': (_number, lambda value, bound: value <= bound),
    'count': (_whole, lambda value, count: len(value) == count),
    'count_gte': (_whole, lambda value, least: len(value) >= least),
    'count_lte': (_whole, lambda value, most: len(value) <= most),
    'one_of': (_is(list), lambda value, options: any(fits(value, option) for option in options)),
    'any_of': (_is(list), lambda value, options: any(fits(value, option) for option in options)),
    'all_of': (_is(list), lambda value, parts: all(fits(value, part) for part in parts)),
    'not': (lambda argument: True, lambda value, unwanted: not fits(value, unwanted)),
    'items': (_is((dict, list)), lambda value, wanted: _items(value, wanted)),
}
OF_NOTHING = {'absent', 'exists', 'one_of', 'any_of', 'all_of', 'not'}


def _items(value, wanted):
    """A mapping is for every element; of a list, each entry is for one element or more."""
    if not isinstance(value, list):
        return False
    if isinstance(wanted, dict):
        return all(fits(element, wanted) for element in value)
    return all(any(fits(element, entry) for element in value) for entry in wanted)


def faults(value, expected, where='$'):
    """Yields a sentence for each thing in which a value is not as expected."""
    if isinstance(expected, dict):
        for key, argument in expected.items():
            operator = OPERATORS.get(key)
            if operator and operator[0](argument):
                try:
                    holds = (value is not ABSENT or key in OF_NOTHING) and operator[1](value, argument)
                except TypeError:
                    holds = False
                if not holds:
                    yield f'{where}: {key} {_short(argument)} does not hold for {_short(value)}'
            else:
                member = value.get(key, ABSENT) if isinstance(value, dict) else ABSENT
                yield from faults(member, argument, f'{where}.{key}')
    elif isinstance(expected, list):
        for index, entry in enumerate(expected):
            element = value[index] if isinstance(value, list) and index < len(value) else ABSENT
            yield from faults(element, entry, f'{where}[{index}]')
    elif value is ABSENT or value != expected or isinstance(value, bool) != isinstance(expected, bool):
        yield f'{where}: {_short(value)} is not {_short(expected)}'


def fits(value, expected):
    return next(faults(value, expected), None) is None


def _short(value):
    text = 'nothing' if value is ABSENT else json.dumps(value)
    return text if len(text) <= 120 else text[:117] + '...'


def select(value, path):
    """All values at a path such as `task.artifacts[*].parts[0].text`."""
    found = [value]
    for step in re.findall(r'[^.\[\]]+|\[\d+\]|\[\*\]', path):
        if step == '[*]':
            found = [element for value in found if isinstance(value, list) for element in value]
        elif step.startswith('['):
            index = int(step[1:-1])
            found = [value[index] for value in found if isinstance(value, list) and index < len(value)]
        else:
            found = [value[step] for value in found if isinstance(value, dict) and step in value]
    return found
