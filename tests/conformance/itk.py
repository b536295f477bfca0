"""Runs the ITK on this machine: our agent in the middle of a star, and agents of the official SDKs
around it; each is called by ours, and calls it.

    itk.py CHECKOUT AGENT LOG [--sdks python_v10,python_v03,ts_v10] [--behaviours ...] [--protocols ...]

CHECKOUT is a2aproject/a2a-itk with the virtual environments that `setup.sh` makes, AGENT the program
of ours, LOG a folder. The suite's own instructions and its own verdict are used. What is replaced is
how processes are started (it has `uv`, which fetches the SDKs' newest commits) and stopped (it kills
whatever has a port).
"""

import argparse
import asyncio
import os
import pathlib
import signal
import subprocess
import sys
import time
import types

BEHAVIOURS = {
    # name: (behaviour of the suite, whether it streams)
    'send': ('send_message', False),
    'stream': ('send_message', True),
    'push': ('push_notification', False),
    'resubscribe': ('resubscribe', True),
}
LIMIT_SECONDS = 120


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('checkout', type=pathlib.Path)
    parser.add_argument('agent')
    parser.add_argument('log', type=pathlib.Path)
    parser.add_argument('--sdks', default='python_v10,python_v03,ts_v10')
    parser.add_argument('--behaviours', default=','.join(BEHAVIOURS))
    parser.add_argument('--protocols', default='jsonrpc,grpc,http_json')
    options = parser.parse_args()
    checkout, log = options.checkout.resolve(), options.log.resolve()
    log.mkdir(parents=True, exist_ok=True)
    sys.path.insert(0, str(checkout))
    return asyncio.run(run(checkout, options, Processes(checkout, options.agent, log)))


class Processes:
    """What has been started, so that all of it and nothing else is stopped."""

    def __init__(self, checkout, agent, log):
        self.log, self.started = log, []
        python = lambda version: ([str(checkout / f'venvs/{version}/bin/python'), 'main.py'], f'agents/python/{version}')
        node = lambda version: (['node', '--import', 'tsx', 'main.ts'], f'agents/ts/{version}')
        self.commands = {
            'current': ([agent], '.'),
            'python_v03': python('v03'), 'python_v10': python('v10'),
            'ts_v03': node('v03'), 'ts_v10': node('v10'),
        }
        self.checkout = checkout

    def launcher(self, name):
        command, folder = self.commands[name]

        def launch(http_port, grpc_port):
            ports = ['--httpPort', str(http_port), '--grpcPort', str(grpc_port)]
            return self.start(name, [*command, *ports], cwd=self.checkout / folder)

        return launch

    def start(self, name, command, **options):
        environment = {**os.environ, 'NO_PROXY': '*', 'no_proxy': '*', 'PYTHONUNBUFFERED': '1'}
        with open(self.log / f'{name}.log', 'w') as out:
            process = subprocess.Popen(command, env=environment, stdout=out, stderr=subprocess.STDOUT, text=True, **options)
        self.started.append(process)
        return process

    def stop(self, processes):
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            self.started.remove(process)


async def run(checkout, options, processes):
    import test_suite
    import testlib

    def receiver(command, cwd=None, **_):
        """Starts the suite's receiver of notifications, without `uv run`."""
        return processes.start('notifications', [sys.executable, '-m', *command[2:]], cwd=cwd)

    testlib.subprocess = types.SimpleNamespace(**{**vars(subprocess), 'Popen': receiver})
    testlib.start_notification_server = patiently(testlib.start_notification_server)
    testlib._clean_ports = lambda *ports: None
    sdks = ['current', *options.sdks.split(',')]
    for name in sdks:
        test_suite._AGENT_DEFS.setdefault(name, {})['launcher'] = processes.launcher(name)
    star = [edge for place in range(1, len(sdks)) for edge in (f'0->{place}', f'{place}->0')]
    passed = []
    try:
        await testlib.start_itk_cluster(sdks)
        agents = len(processes.started)
        for name in options.behaviours.split(','):
            behaviour, streams = BEHAVIOURS[name]
            for protocol in options.protocols.split(','):
                begun, why = time.monotonic(), ''
                test = testlib._execute_single_itk_test(
                    sdks=sdks, behavior=behaviour, edges=star, scenario_name=f'{name}-{protocol}',
                    protocols=[protocol], streaming=streams)
                try:
                    passed.append(await asyncio.wait_for(test, LIMIT_SECONDS))
                except Exception as failure:  # whatever it is, the test has not passed
                    passed.append(False)
                    why = f' {type(failure).__name__}: {failure}'
                processes.stop(processes.started[agents:])
                verdict = 'passed' if passed[-1] else 'FAILED'
                print(f'{verdict} {"+".join(sdks)} {name} {protocol} {time.monotonic() - begun:.1f} s{why}', flush=True)
    finally:
        processes.stop(list(processes.started))
    print(f'{sum(passed)} of {len(passed)} passed')
    return 0 if passed and all(passed) else 1


def patiently(start):
    """The receiver has five seconds to start, which is too little on a machine that does more."""
    async def started(*arguments):
        for _ in range(3):
            try:
                return await start(*arguments)
            except RuntimeError as failure:
                last = failure
        raise last

    return started


if __name__ == '__main__':
    sys.exit(main())
