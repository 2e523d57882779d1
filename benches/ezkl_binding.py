"""EZKL on the circuit that a binding proof by EZKL would be: a model that passes its inputs through, whose input is
hashed with Poseidon inside the proof. Run by `cargo xtask bench binding`.

Sixteen elements stand for four digests of 256 bits (EZKL's elements are quantised numbers, so it binds less than ours). The set-up is
EZKL's insecure local one. Prints sizes and the times of witness, proof and verification, one after the other.
"""

import asyncio
import inspect
import json
import os
import statistics
import sys
import tempfile
import time

import ezkl
from onnx import TensorProto, checker, helper, save

ELEMENTS = 16
ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 5


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


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        model("model.onnx")
        with open("input.json", "w") as file:
            json.dump({"input_data": [[float(at % 7) for at in range(ELEMENTS)]]}, file)
        args = ezkl.PyRunArgs()
        args.input_visibility = "hashed"
        args.output_visibility = "private"
        args.param_visibility = "fixed"
        call(ezkl.gen_settings, "model.onnx", "settings.json", py_run_args=args)
        call(ezkl.calibrate_settings, "input.json", "model.onnx", "settings.json", "resources")
        call(ezkl.compile_circuit, "model.onnx", "model.compiled", "settings.json")
        with open("settings.json") as file:
            rows = json.load(file)["run_args"]["logrows"]
        call(ezkl.gen_srs, "srs", rows)
        start = time.perf_counter()
        call(ezkl.gen_witness, "input.json", "model.compiled", "witness.json")
        call(ezkl.setup, "model.compiled", "vk", "pk", "srs", "witness.json")
        print(f"EZKL {getattr(ezkl, '__version__', '')}: 2^{rows} rows, set-up {time.perf_counter() - start:.1f} s")
        times = {"witness": [], "prove": [], "verify": []}
        for _ in range(ROUNDS):
            for name, work in (
                ("witness", lambda: call(ezkl.gen_witness, "input.json", "model.compiled", "witness.json")),
                ("prove", lambda: call(ezkl.prove, "witness.json", "model.compiled", "pk", "proof.json", "srs")),
                ("verify", lambda: call(ezkl.verify, "proof.json", "settings.json", "vk", "srs")),
            ):
                start = time.perf_counter()
                result = work()
                times[name].append((time.perf_counter() - start) * 1e3)
                assert result is not False, f"EZKL failed to {name}"
        for name, values in times.items():
            print(f"EZKL {name:8} min {min(values):10.2f}  p50 {statistics.median(values):10.2f} ms  of {ROUNDS}")
        with open("proof.json") as file:
            proof = json.load(file)
        size = len(proof["hex_proof"]) // 2 - 1 if "hex_proof" in proof else len(proof["proof"])
        sizes = {name: os.path.getsize(name) for name in ("pk", "vk")}
        print(f"EZKL sizes: proof {size} bytes, proving key {sizes['pk']:,}, verifying key {sizes['vk']:,}")


if __name__ == "__main__":
    main()
