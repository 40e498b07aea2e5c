/* libFuzzer around a Python that holds the extension: every input goes to a reader of tests/fuzz/targets.py.
 *
 * The extension's modules are built with coverage and address sanitizer; they find libFuzzer's and the sanitizer's
 * symbols in this program, so it is linked with -rdynamic.  They are loaded before the first input, so that every
 * counter of theirs is known by then.  An exception of the reader is a finding like a crash: it ends the run, and
 * libFuzzer writes the input down.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static PyObject *reader;

static void give_up(const char *what)
{
    if (PyErr_Occurred())
        PyErr_Print();
    fprintf(stderr, "fuzzer: %s\n", what);
    exit(2);
}

/* The interpreter of the environment that FUZZ_PYTHON lies in, with its packages; signals stay libFuzzer's. */
static void start_python(void)
{
    PyConfig config;
    const char *path = getenv("FUZZ_PYTHON");

    PyConfig_InitPythonConfig(&config);
    config.install_signal_handlers = 0;
    if (!path || PyStatus_Exception(PyConfig_SetBytesString(&config, &config.executable, path)) ||
        PyStatus_Exception(Py_InitializeFromConfig(&config)))
        give_up("no Python: FUZZ_PYTHON must be the path of one");
    PyConfig_Clear(&config);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    const char *name = getenv("FUZZ_TARGET");
    PyObject *module;

    (void)argc;
    (void)argv;
    start_python();
    module = PyImport_ImportModule("fuzz.targets");
    reader = module && name ? PyObject_CallMethod(module, "reader", "s", name) : NULL;
    if (!reader)
        give_up("FUZZ_TARGET must name a target of fuzz.targets");
    Py_DECREF(module);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    PyObject *answer = PyObject_CallFunction(reader, "y#", (const char *)data, (Py_ssize_t)size);

    if (!answer) {
        PyErr_Print();
        abort();
    }
    Py_DECREF(answer);
    return 0;
}
