"""The host of one ECS task: a network of its own, in which the task's containers run as processes.

The first line on standard input is the task: its containers, the ports that lead in, and those that
lead out. A port that leads in is a Unix socket in the folder; one that leads out is a loopback port
here, behind which is a Unix socket in the folder. Each further line is a question about the task.
Everything ends when standard input does.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys

folder = sys.argv[1]


async def pass_on(reader, writer, connect):
    async def pump(source, sink):
        try:
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
        except OSError:
            pass
        finally:
            sink.close()

    try:
        there, back = await connect()
    except OSError:
        # Whoever asks sees a connection that is refused.
        writer.transport.abort()
        return
    await asyncio.gather(pump(reader, back), pump(there, writer))


def socket(name):
    return os.path.join(folder, f"{name}.sock")


async def lead_in(port):
    connect = lambda: asyncio.open_connection("127.0.0.1", port)
    serve = lambda reader, writer: pass_on(reader, writer, connect)
    await asyncio.start_unix_server(serve, socket(port))


async def lead_out(port, name):
    connect = lambda: asyncio.open_unix_connection(socket(name))
    serve = lambda reader, writer: pass_on(reader, writer, connect)
    await asyncio.start_server(serve, "127.0.0.1", port)


class Container:
    def __init__(self, described):
        self.name = described["name"]
        self.environment = described["environment"]
        self.before = described.get("after", [])
        self.command = described["command"]
        self.start()

    def start(self):
        with open(os.path.join(folder, f"{self.name}.log"), "ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def run(self, command):
        done = subprocess.run(command, env=self.environment, capture_output=True)
        return done.returncode


async def ended(containers, within):
    """Whether all of them ended by themselves."""
    end = asyncio.get_running_loop().time() + within
    while any(one.process.poll() is None for one in containers):
        if asyncio.get_running_loop().time() > end:
            return False
        await asyncio.sleep(0.005)
    return True


async def stop(containers, within):
    """As ECS stops a task: whoever depends on others first."""
    waiting = list(containers.values())
    while waiting:
        needed = {name for one in waiting for name in one.before}
        first = [one for one in waiting if one.name not in needed] or waiting
        for one in first:
            if one.process.poll() is None:
                one.process.send_signal(signal.SIGTERM)
        if not await ended(first, within):
            for one in first:
                one.process.kill()
                one.process.wait()
        waiting = [one for one in waiting if one not in first]


async def answer(containers, line):
    if "stop" in line:
        await stop(containers, line["stop"])
    elif "kill" in line:
        containers[line["kill"]].process.kill()
        containers[line["kill"]].process.wait()
    elif "restart" in line:
        containers[line["restart"]].start()
    elif "signal" in line:
        containers[line["name"]].process.send_signal(line["signal"])
    elif "run" in line:
        one = containers[line["name"]]
        return await asyncio.to_thread(one.run, line["run"])
    return {name: one.process.poll() for name, one in containers.items()}


async def main():
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    containers = {}
    while line := await lines.readline():
        line = json.loads(line)
        if "end" in line:
            # The kernel ends what is left in the process namespace.
            os._exit(0)
        try:
            if "containers" in line:
                for port in line["in"]:
                    await lead_in(port)
                for port, name in line["out"]:
                    await lead_out(port, name)
                for described in line["containers"]:
                    containers[described["name"]] = Container(described)
            said = {"ok": await answer(containers, line)}
        except OSError as error:
            said = {"error": str(error)}
        print(json.dumps(said), flush=True)


print(json.dumps({"ok": None}), flush=True)
asyncio.run(main())
