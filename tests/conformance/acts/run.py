"""Runs the tests of ACTS against an agent.

    run.py URL CORPUS [--transport jsonrpc,rest,grpc] [--pass full|reduced|auth] [--only REGEX]

CORPUS is the folder of `suite.acts.yaml`. The full pass runs every test whose preconditions the card
fulfils; the other two run those that need an agent without a capability, or with authentication,
which the agent then has to be started as. Exits with 1 if a test fails that is not a named defect of
the corpus. gRPC needs a checkout of the TCK, for its stubs, on PYTHONPATH.
"""

import argparse
import collections
import http.server
import json
import pathlib
import re
import sys
import threading
import time
import uuid

import httpx
import yaml

from bindings import Grpc, Http
from matching import ABSENT, faults, fits, select

# Tests that contradict A2A 1.0.1 or leave their own intent to the runner, and why they count as such.
DEFECTS = {
    'CARD-DISC-002': 'allows the binding REST; section 4.4.6 calls it HTTP+JSON',
    'CORE-CAP-001': 'wants UnsupportedOperation; section 3.3.4 has PushNotificationNotSupported',
    'CORE-CTX-001': 'wants a contextId of the client refused; section 3.4.1 leaves that to the agent',
    'CORE-ERR-007': 'wants error.data to be an object; section 9.5 has an array',
    'CORE-SEND-004': 'puts the media type into the metadata of a part; it is a member of the part',
    'DM-ART-003': 'wants part.file, which is version 0.3; in 1.0 it is part.raw with filename',
    'DM-ART-004': 'wants part.fileUrl, which no version has; in 1.0 it is part.url',
    'DM-FMT-003': 'wants a reply without contextId; by section 3.4.1 one that the agent has made is in it',
    'PUSH-CFG-004': 'as CORE-CAP-001',
    'SEC-AUTH-006': 'allows status 200 for the public card, but only with an error or problem details in it',
    'REST-PD-001': 'wants problem details (RFC 9457); section 11.6 has google.rpc.Status',
}
# The corpus has older names for some operations and errors.
OLDER_NAMES = {
    'set_push_notification_config': 'create_push_config',
    'get_push_notification_config': 'get_push_config',
    'list_push_notification_configs': 'list_push_configs',
    'delete_push_notification_config': 'delete_push_config',
    'StreamingNotSupportedError': 'UnsupportedOperationError',
}
BINDINGS = {'jsonrpc': 'JSONRPC', 'rest': 'HTTP+JSON', 'grpc': 'GRPC'}
WATCH_SECONDS = 30
TERMINAL = {f'TASK_STATE_{state}' for state in ('COMPLETED', 'FAILED', 'CANCELED', 'REJECTED')}


class Failed(Exception):
    """The agent did not do as the test expects."""


def load(folder):
    """The tests of the corpus and its variables."""
    suite = yaml.safe_load((folder / 'suite.acts.yaml').read_text())
    tests, variables = [], dict(suite.get('variables') or {})
    for name in suite['include']:
        document = yaml.safe_load((folder / name).read_text())
        variables.update(document.get('variables') or {})
        tests += [test for group in document['suites'] for test in group['tests']]
    return tests, variables


def fill_in(value, scope):
    """The value with its `{{name}}` replaced by what they stand for."""
    if isinstance(value, dict):
        return {key: fill_in(member, scope) for key, member in value.items()}
    if isinstance(value, list):
        return [fill_in(element, scope) for element in value]
    if not isinstance(value, str):
        return value

    def named(name):
        if name == '$uuid':
            return str(uuid.uuid4())
        first, _, rest = name.partition('.')
        found = select(scope[first], rest) if first in scope and rest else [scope[name]] if name in scope else []
        if not found:
            raise Failed(f'nothing is known as {name}')
        return found[0]

    alone = re.fullmatch(r'\{\{([^{}]+)\}\}', value)
    if alone:
        return named(alone[1].strip())
    return re.sub(r'\{\{([^{}]+)\}\}', lambda found: str(named(found[1].strip())), value)


def complete(message, params):
    """A message as the protocol has it: with an id, and with what the corpus puts beside it."""
    message.setdefault('messageId', str(uuid.uuid4()))
    for member in ('taskId', 'contextId'):
        if member in params:
            message.setdefault(member, params.pop(member))


def demand(problems):
    """Fails with the first of the problems, if there is one."""
    for problem in problems:
        raise Failed(problem)


def ask(binding, step, scope):
    """Makes the call of a step."""
    seconds = (step.get('expect_stream') or {}).get('timeout_ms', WATCH_SECONDS * 1000) / 1000
    if 'raw' in step:
        raw = fill_in(step['raw'], scope)
        body = raw.get('body_raw')
        if 'body' in raw:
            params = raw['body'].get('params') or {}
            if 'message' in params:
                complete(params['message'], params)
            body = json.dumps(raw['body'])
        return binding.raw(raw['method'], raw['path'], raw.get('headers'), body, seconds)
    operation = OLDER_NAMES.get(step['operation'], step['operation'])
    params = fill_in(step.get('params') or {}, scope)
    if operation == 'get_agent_card':
        return binding.call('get_extended_agent_card', {}, seconds) if params.get('extended') else binding.card()
    if 'message' in params:
        complete(params['message'], params)
    params.update(params.pop('pushNotificationConfig', {}))
    return binding.call(operation, params, seconds)


def until(condition, body):
    """Whether a condition such as `status.state in [A, B]` holds."""
    path, operator, options = re.fullmatch(r'\s*([\w.\[\]]+)\s*(==|!=|in)\s*(.+)', condition).groups()
    found = (select(body, path) or [None])[0]
    among = found in [option.strip(' "\'') for option in options.strip('[] ').split(',')]
    return among != (operator == '!=')


def judge(answer, step, scope):
    """Checks an answer against what the step expects."""
    expect, error = fill_in(step.get('expect') or {}, scope), fill_in(step.get('expect_error'), scope)
    if expect.get('status') == 'error' or ('error' in expect and 'operation' in step):
        expect, error = {}, {}
    if error is not None:
        if answer.error is None:
            raise Failed('it was answered, and an error is expected')
        wanted = dict(error)
        if 'Error' in json.dumps(wanted.get('code')):
            # The name of an error, or several, where its code is to be.
            wanted['error_type'] = wanted.pop('code')
        wanted = json.loads(re.sub('|'.join(OLDER_NAMES), lambda name: OLDER_NAMES[name[0]], json.dumps(wanted)))
        demand(faults(answer.error, wanted, 'error'))
        return
    if answer.error is not None:
        raise Failed(f'error {answer.error.get("error_type", "of no name")}: {answer.error["message"]}')
    body = expect.pop('body', {})
    status = expect.pop('status', None)
    if status is not None:
        demand(faults(answer.status, status, 'status'))
    demand(faults(answer.body, {**expect, **body}))
    if 'expect_stream' in step:
        judge_stream(answer.events or [], fill_in(step['expect_stream'], scope), 'raw' in step)


def flat(event):
    """An event under the name that the corpus gives it, its members beside it."""
    names = {'statusUpdate': 'status_update', 'artifactUpdate': 'artifact_update'}
    for key, member in event.items():
        return {names.get(key, key): member, **member}
    return {}


def judge_stream(events, expect, raw):
    events = events if raw else [flat(event) for event in events]
    if not expect.get('min_count', 0) <= len(events) <= expect.get('max_count', len(events)):
        raise Failed(f'{len(events)} events')
    states = [state for event in events for state in select(event, 'status.state')]
    if expect.get('ordering') == 'monotonic_state':
        if any(state in TERMINAL for state in states[:-1]) or 'TASK_STATE_SUBMITTED' in states[1:]:
            raise Failed(f'states out of order: {states}')
    for place, wanted in enumerate(expect.get('events', [])):
        wanted = {key: member for key, member in wanted.items() if key != 'description'}
        if wanted.pop('match', None) == 'any_position':
            if not any(fits(event, wanted) for event in events):
                raise Failed(f'no event is as expected: {json.dumps(wanted)}')
        else:
            place = wanted.pop('index', place)
            demand(faults(events[place] if place < len(events) else ABSENT, wanted, f'event[{place}]'))
    if 'final_event' in expect:
        demand(faults(events[-1] if events else ABSENT, expect['final_event'], 'last event'))
    for place, event in enumerate(events):
        demand(faults(event, expect.get('each_event', {}), f'event[{place}]'))


def assert_named(assertion, scope):
    assertion = fill_in({key: part for key, part in assertion.items() if key != 'description'}, scope)
    source = assertion['source']
    if 'match' in assertion:
        found = select(source, assertion['path']) if 'path' in assertion else [source]
        demand(faults(found[0] if found else ABSENT, assertion['match']))
    holds = {'any': any, 'all': all, 'none': lambda each: not any(each)}
    for kind in holds.keys() & assertion.keys():
        path, match = assertion[kind]['path'], assertion[kind]['match']
        if not holds[kind](fits(value, match) for value in select(source, path)):
            raise Failed(f'{kind} of {path}: {json.dumps(match)} does not hold')


def run_step(binding, step, scope):
    time.sleep(step.get('delay_ms', 0) / 1000)
    if 'client_response' in step:
        parts = [{'text': 'tck-client-parse'}, {'data': step['client_response']}]
        message = {'role': 'ROLE_USER', 'messageId': str(uuid.uuid4()), 'parts': parts}
        answer = binding.call('send_message', {'message': message}, WATCH_SECONDS)
        parsed = select(answer.body, 'task.artifacts[*].parts[*].data') or [ABSENT]
        demand(faults(parsed[0], step['expect_parsed'], 'parsed'))
        return
    repeat = step.get('repeat')
    for _ in range(repeat.get('max_attempts', 10) if repeat else 1):
        answer = ask(binding, step, scope)
        if not repeat or until(repeat['until'], answer.body):
            break
        time.sleep(repeat.get('delay_ms', 1000) / 1000)
    else:
        raise Failed(f'never: {repeat["until"]}')
    judge(answer, step, scope)
    scope[step['id']] = captured = {'response': answer.error if answer.body is None else answer.body}
    for name, path in (step.get('capture') or {}).items():
        found = [value for source in [answer.body, *(answer.events or [])] for value in select(source, path)]
        if not found:
            raise Failed(f'there is no {path}')
        captured[name] = found[0]
    for assertion in step.get('assertions', []):
        assert_named(assertion, scope)


def run_test(binding, test, variables):
    """What is wrong; nothing if the test passes."""
    scope = dict(variables)
    for step in test['steps']:
        try:
            run_step(binding, step, scope)
        except Failed as failure:
            return f'{step["id"]}: {failure}'
        except (httpx.HTTPError, ValueError) as failure:
            return f'{step["id"]}: {type(failure).__name__}: {failure}'
    return None


def unmet(test, card):
    """The preconditions that the card does not fulfil."""
    wanted = (test.get('preconditions') or {}).get('capabilities') or {}
    has = dict(card.get('capabilities') or {}, authentication=card.get('securityRequirements'))
    return [f'the card has to say {name}: {json.dumps(on)}' for name, on in wanted.items() if bool(has.get(name)) is not on]


def belongs(test, which):
    """Whether a pass is for this test."""
    wanted = (test.get('preconditions') or {}).get('capabilities') or {}
    kind = 'auth' if 'authentication' in wanted else 'reduced' if False in wanted.values() else 'full'
    return which in (kind, 'full')


def webhook():
    """A receiver that takes everything; gives its address."""
    class Taker(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers.get('content-length') or 0))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Taker)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f'http://127.0.0.1:{server.server_port}/notifications'


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('url')
    parser.add_argument('corpus', type=pathlib.Path)
    parser.add_argument('--transport', default='jsonrpc,rest,grpc')
    parser.add_argument('--pass', dest='which', choices=['full', 'reduced', 'auth'], default='full')
    parser.add_argument('--only', default='')
    options = parser.parse_args()

    root = options.url.rstrip('/')
    card = Http('rest', root, root).card().body
    tests, variables = load(options.corpus)
    variables.update(
        webhookUrl=webhook(), baseUrl=root, SUT_BASE_URL=root, insufficientAuthToken='itk-insufficient-token',
        otherUserTaskId='00000000-0000-0000-0000-0000000000ff')
    failed = False
    for kind in options.transport.split(','):
        offers = [offer for offer in card['supportedInterfaces'] if offer['protocolBinding'] == BINDINGS[kind]]
        offers.sort(key=lambda offer: offer.get('protocolVersion') != '1.0')
        if not offers:
            print(f'{kind}: the card does not offer it')
            continue
        url = offers[0]['url']
        binding = Grpc(url, root) if kind == 'grpc' else Http(kind, url, root)
        counts, lines = collections.Counter(), []
        for test in tests:
            if kind not in test.get('transport', [kind]) or not belongs(test, options.which):
                continue
            if not re.search(options.only, test['id']):
                continue
            why = unmet(test, card)
            if why:
                result, why = 'skipped', ', '.join(why)
            else:
                why = run_test(binding, test, variables)
                result = 'failed' if why else 'passed'
                if test['id'] in DEFECTS:
                    result = 'defect of the test' if why else 'passed'
                    why = f'{DEFECTS[test["id"]]} ({why})' if why else None
                    lines += [] if why else [f'   no longer a defect: {test["id"]}']
            counts[test['level'].upper(), result] += 1
            failed |= result == 'failed'
            if result != 'passed':
                lines.append(f'   {result}: {test["id"]} ({test["level"].upper()}): {why}')
        for level in ('MUST', 'SHOULD', 'MAY'):
            said = ', '.join(f'{count} {result}' for (of, result), count in sorted(counts.items()) if of == level)
            print(f'{kind} {level}: {said or "none"}')
        print('\n'.join(lines))
    return failed


if __name__ == '__main__':
    sys.exit(main())
