"""EZKL on the circuit that a binding proof by EZKL would be: a model that passes its inputs through, whose input is
hashed with Poseidon inside the proof. Run by `cargo xtask bench binding`, which gives the file of our own figures.

Four elements stand for the four digests: EZKL's elements are quantised numbers of a few bits, so its proof binds far less than
ours, and every choice here is the faster one for EZKL. Two circuits: the smallest from 2^8 rows on whose proofs
verify, and the one that EZKL's own calibration chooses. The set-up is EZKL's insecure local one, since set-up is not what is
compared. Prints sizes and times of witness, proof and verification, one after the other, and how many times ours they are.
"""

import asyncio
import inspect
import json
import os
import resource
import statistics
import sys
import tempfile
import time

import ezkl
from onnx import TensorProto, checker, helper, save

ELEMENTS = 4
ROUNDS = {"smallest": 10, "calibrated": 1}
# With fewer rows EZKL spreads its range checks over so many columns (2,048 for 2^4 rows) that set-up takes tens of gigabytes.
SMALLEST_POWER, LARGEST_POWER = 8, 20
TRIALS = 5


def call(function, *args, **kwargs):
    """EZKL's functions are coroutines in some versions and not in others."""
    result = function(*args, **kwargs)
    if not inspect.isawaitable(result):
        return result

    async def wait():
        return await result

    return asyncio.run(wait())


def model(path):
    shape = [1, ELEMENTS]
    node = helper.make_node("Identity", ["input"], ["output"])
    value = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    graph = helper.make_graph([node], "binding", [value("input")], [value("output")])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    made.ir_version = 8
    checker.check_model(made)
    save(made, path)


def settings():
    """Settings of the model as they are before any calibration."""
    args = ezkl.PyRunArgs()
    args.input_visibility = "hashed"
    args.output_visibility = "private"
    args.param_visibility = "fixed"
    call(ezkl.gen_settings, "model.onnx", "settings.json", py_run_args=args)


def set_up(power):
    call(ezkl.compile_circuit, "model.onnx", "model.compiled", "settings.json")
    call(ezkl.gen_srs, "srs", power)
    call(ezkl.gen_witness, "input.json", "model.compiled", "witness.json")
    call(ezkl.setup, "model.compiled", "vk", "pk", "srs", "witness.json")


def prove():
    return call(ezkl.prove, "witness.json", "model.compiled", "pk", "proof.json", "srs")


def verify():
    return call(ezkl.verify, "proof.json", "settings.json", "vk", "srs")


def smallest():
    """The fewest rows with which set-up, proof and verification work."""
    settings()
    for power in range(SMALLEST_POWER, LARGEST_POWER + 1):
        with open("settings.json") as file:
            chosen = json.load(file)
        chosen["run_args"]["logrows"] = power
        with open("settings.json", "w") as file:
            json.dump(chosen, file)
        try:
            set_up(power)
            # With a row too few some proofs verify and others do not.
            for _ in range(TRIALS):
                prove()
                assert verify()
            return power
        except KeyboardInterrupt:
            raise
        # A panic of EZKL's Rust code, to which too few rows may lead, is no Exception of Python.
        except BaseException:
            continue
    raise SystemExit("EZKL: no size of the circuit works")


def calibrated():
    settings()
    call(ezkl.calibrate_settings, "input.json", "model.onnx", "settings.json", "resources")
    with open("settings.json") as file:
        power = json.load(file)["run_args"]["logrows"]
    set_up(power)
    return power


def proof_bytes():
    with open("proof.json") as file:
        proof = json.load(file)
    return len(proof["hex_proof"]) // 2 - 1 if "hex_proof" in proof else len(proof["proof"])


def measure(name, choose, ours):
    start = time.perf_counter()
    power = choose()
    print(f"\nEZKL {getattr(ezkl, '__version__', '')}, {name}: 2^{power} rows, ready after {time.perf_counter() - start:.1f} s")
    works = {
        "witness": lambda: call(ezkl.gen_witness, "input.json", "model.compiled", "witness.json"),
        "prove": prove,
        "verify": verify,
    }
    times, cpu = {name: [] for name in works}, dict.fromkeys(works, 0.0)
    for _ in range(ROUNDS[name]):
        for what, work in works.items():
            used, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
            result = work()
            times[what].append((time.perf_counter() - start) * 1e3)
            now = resource.getrusage(resource.RUSAGE_SELF)
            cpu[what] += (now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime) * 1e3
            assert result is not False, f"EZKL failed to {what}"
    for what, values in times.items():
        print(
            f"EZKL {what:8} min {min(values):10.2f}  p50 {statistics.median(values):10.2f}"
            f"  CPU {cpu[what] / len(values):10.2f} ms  of {len(values)}"
        )
    sizes = {name: os.path.getsize(name) for name in ("pk", "vk")}
    print(f"EZKL sizes: proof {proof_bytes():,} bytes, proving key {sizes['pk']:,}, verifying key {sizes['vk']:,}")
    if ours:
        for what, name in (("witness", "open: witness, p50"), ("prove", "open: prove, p50"), ("verify", "open: verify, p50")):
            print(f"EZKL / ours, {what:8} {statistics.median(times[what]) / ours[name]:12,.0f} by p50")
        print(f"EZKL / ours, proof    {proof_bytes() / ours['open: proof']:12,.1f} in bytes")


def main():
    ours = None
    if len(sys.argv) > 1:
        with open(sys.argv[1]) as file:
            ours = json.load(file)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        model("model.onnx")
        with open("input.json", "w") as file:
            json.dump({"input_data": [[float(at % 7) for at in range(ELEMENTS)]]}, file)
        for name, choose in (("smallest", smallest), ("calibrated", calibrated)):
            measure(name, choose, ours)
        os.chdir("/")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(f"EZKL peak memory of the process {peak:,.0f} MB; load {os.getloadavg()[0]:.2f} at the end")


if __name__ == "__main__":
    main()
