#!/usr/bin/env bash
# On the machine with a GPU and without network, out of the packed folder:
#     bash FOLDER/there.sh all --work DIRECTORY --out DIRECTORY
# A step in place of "all" does that one alone, after those before it:
#     python   an environment of Python 3.12 with the wheels
#     build    llama.cpp, once: llama-server, and the libraries that the bindings load
#     weights  two models with random weights, while the build goes on if both are asked for
#     run      the benchmarks; their figures go to --out
# Options: --cpu builds without CUDA; --size and --seconds say how large the models are (8b) and how long the benchmarks
# may take (240); --architecture is CUDA's, if not the one that was packed for; --jobs says how many compile at once.
# What comes after "--" goes to benchmarks.gpu.run. Python is the one that $PYTHON names, or python3.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p;}' "$0" >&2; exit 2; }

step=${1-} work= out= cpu= size=8b seconds=240 jobs=$(nproc) architecture=$(cat "$here/architecture")
[ $# -gt 0 ] && shift
while [ $# -gt 0 ]; do
    case $1 in
        --work) work=$2; shift 2 ;;
        --out) out=$2; shift 2 ;;
        --cpu) cpu=yes; shift ;;
        --size) size=$2; shift 2 ;;
        --seconds) seconds=$2; shift 2 ;;
        --architecture) architecture=$2; shift 2 ;;
        --jobs) jobs=$2; shift 2 ;;
        --) shift; break ;;
        *) usage ;;
    esac
done
[ -n "$work" ] || usage
mkdir -p "$work"
work=$(cd "$work" && pwd)
python=$work/venv/bin/python
server=$work/build/bin/llama-server

took() { # runs a step and says how long it took
    local began=$SECONDS
    "$@"
    echo "$1: $((SECONDS - began)) s"
}

environment() {
    [ ! -x "$python" ] || return 0
    local with=${PYTHON:-python3}
    "$with" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 12))' || { echo "$with is not Python 3.12" >&2; return 1; }
    "$with" -m venv --without-pip "$work/venv.new"
    local pip=("$here"/wheels/pip-*.whl) # a wheel of pip can be run as it is
    "$work/venv.new/bin/python" "${pip[0]}/pip" install --quiet --no-index --no-deps --no-cache-dir \
        --disable-pip-version-check "$here"/wheels/*.whl
    # the bindings look for the libraries here, which need not exist yet
    ln -s "$work/build/bin" "$(echo "$work"/venv.new/lib/python3.12/site-packages/llama_cpp)/lib"
    mv "$work/venv.new" "$work/venv" # an environment may be moved where nothing but its interpreter is run
}

cublas() { # where a toolkit has no cuBLAS to link with, that of Python's packages, which has other names
    local place header include
    for place in "$1/lib64" "$1/lib" "$1/targets/x86_64-linux/lib" /usr/lib/x86_64-linux-gnu; do
        [ ! -e "$place/libcublas.so" ] || return 0
    done
    header=$("${PYTHON:-python3}" -c 'import glob, sys
print(next((each for path in sys.path for each in glob.glob(f"{path}/nvidia/*/include/cublas_v2.h")), ""))')
    [ -n "$header" ] || { echo "no cuBLAS was found beside nvcc" >&2; return 0; }
    place=$(dirname "$(dirname "$header")")
    include=-I$place/include
    options+=("-DCMAKE_CUDA_FLAGS=$include" "-DCMAKE_CXX_FLAGS=$include"
        "-DCUDA_cublas_LIBRARY=$(ls "$place"/lib/libcublas.so.* | head -n 1)"
        "-DCUDA_cublasLt_LIBRARY=$(ls "$place"/lib/libcublasLt.so.* | head -n 1)")
    found_at+=";$place/lib"
    echo "cuBLAS of $place"
}

driver() { # without the driver's library, or a stand-in, to link with, memory is asked for in the older way
    local place
    for place in "$1"/{lib64,lib,targets/x86_64-linux/lib}{/stubs,} /usr/lib/x86_64-linux-gnu; do
        [ ! -e "$place/libcuda.so" ] || return 0
    done
    options+=(-DGGML_CUDA_NO_VMM=ON)
    echo "no libcuda.so to link with"
}

cuda() { # sets the options for CUDA
    local nvcc toolkit found_at
    nvcc=$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)
    [ -x "$nvcc" ] || { echo "nvcc was not found: put it on the PATH, or build with --cpu" >&2; return 1; }
    toolkit=$(dirname "$(dirname "$(readlink -f "$nvcc")")")
    echo "$("$nvcc" --version | tail -n 2 | head -n 1), $nvcc of $toolkit, architecture $architecture"
    found_at="$toolkit/lib64;$toolkit/lib"
    cublas "$toolkit"
    driver "$toolkit"
    # No code for other cards, nothing to compress, no library for several cards. The driver's own library is not there to
    # be linked with, only found by those who load it.
    options+=(-DGGML_CUDA=ON "-DCMAKE_CUDA_COMPILER=$nvcc" "-DCMAKE_CUDA_ARCHITECTURES=$architecture-real"
        -DGGML_CUDA_COMPRESSION_MODE=none -DGGML_CUDA_NCCL=OFF "-DCMAKE_EXE_LINKER_FLAGS=-Wl,--allow-shlib-undefined"
        "-DCMAKE_BUILD_RPATH=$found_at")
}

# shellcheck disable=SC2086 # CMAKE_ARGS is a list of words
build() {
    [ ! -x "$server" ] || return 0
    [ -d "$work/llama.cpp" ] || tar -xzf "$here/llama.cpp.tar.gz" -C "$work"
    local options=(-DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=ON -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF
        -DLLAMA_BUILD_APP=OFF -DLLAMA_BUILD_UI=OFF -DLLAMA_USE_PREBUILT_UI=OFF -DLLAMA_OPENSSL=OFF)
    [ -n "$cpu" ] || cuda
    if command -v ninja >/dev/null; then options+=(-G Ninja); fi
    local log=$work/build.log
    if ! { cmake -S "$work/llama.cpp" -B "$work/build" "${options[@]}" ${CMAKE_ARGS-} &&
        cmake --build "$work/build" --target llama-server --parallel "$jobs"; } >"$log" 2>&1; then
        grep -n -i -A 5 'error' "$log" | tail -n 60 >&2
        tail -n 20 "$log" >&2
        return 1
    fi
    "$python" -c 'import llama_cpp; print(llama_cpp.llama_print_system_info().decode())' 2>"$work/load.log" ||
        { cat "$work/load.log" >&2; return 1; }
}

model() { # writes one with random weights: NAME [OPTION...]
    [ ! -e "$work/$1" ] || return 0
    (cd "$here" && "$python" -m benchmarks.random_gguf "$work/new.$1" --size "$size" "${@:2}")
    mv "$work/new.$1" "$work/$1"
}

weights() {
    local looping
    model looping.gguf --loops &
    looping=$!
    model model.gguf
    wait "$looping"
}

run() {
    [ -n "$out" ] || usage
    mkdir -p "$out"
    out=$(cd "$out" && pwd)
    # Each section keeps to its time; the signal is for one that hangs, and what was found until then is kept.
    cd "$here"
    timeout --signal=INT --kill-after=20 $((seconds + 60)) "$python" -u -m benchmarks.gpu.run "$work/model.gguf" \
        --looping "$work/looping.gguf" --llama-server "$server" --seconds "$seconds" --out "$out" "$@"
}

case $step in
    python) took environment ;;
    build) took environment; took build ;;
    weights) took environment; took weights ;;
    run) took run "$@" ;;
    all)
        took environment
        trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
        took weights &
        writing=$!
        took build
        wait "$writing"
        took run "$@"
        ;;
    *) usage ;;
esac
