"""Runs that the package starts, and the example notebook."""

import contextlib
import importlib.util
import io
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import unittest
import warnings

import lensbench
import support


def run(name, out, *, prompts=("In the beginning",), **options):
    """A run whose messages are returned with its archive."""
    output = None if out is None else support.folder() / out
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        archive = lensbench.run(name, model=support.MODEL, prompts=list(prompts), output=output, **options)
    return archive, said.getvalue()


class Run(unittest.TestCase):
    def test_gives_the_results_of_the_command(self):
        prompts = [*support.PROMPTS, [1, 2, 3]]
        archive, _ = run("logit_lens", "a.h5", prompts=prompts, top_k=3)
        self.assertEqual(archive.digests["results"], lensbench.open(support.lens()).digests["results"])
        self.assertEqual(archive.digests["recipe"], lensbench.open(support.lens()).digests["recipe"])

    def test_shows_progress_and_the_name_of_the_archive(self):
        archive, said = run("logit_lens", "b.h5", prompts=["In", "the", "-x"])
        self.assertIn("\r3 of 3 cases", said)
        self.assertIn(f"archive {archive.path}\n", said)
        self.assertNotIn("{", said)

    def test_takes_experiments_parameters_and_options(self):
        archive, _ = run("first_look", "c.h5", max_new_tokens=2, seed=7, threads=1, options=["--profile"])
        request = archive.recipe
        self.assertEqual((request["kind"], request["name"], request["seed"]), ("experiment", "first_look", 7))
        self.assertEqual(request["parameters"]["max_new_tokens"], "2")
        archive, _ = run("activations", "d.h5", hooks=["resid_post", "mlp_out"])
        self.assertEqual(archive.recipe["parameters"]["hooks"], "resid_post,mlp_out")
        archive, _ = run("logit_lens", "e.h5", norm=False)
        self.assertEqual(archive.recipe["parameters"]["norm"], "false")

    def test_takes_cases_with_fields_and_interventions(self):
        cases = [{"text": "In the", "id": "one", "colour": "red"}, "And God", [5, 9]]
        zero = [{"hook": "blocks.2.hook_mlp_out", "action": "zero"}]
        archive, _ = run("logit_lens", "f.h5", prompts=cases, interventions=zero)
        self.assertEqual(archive.cases["case_id"].tolist()[0], "one")
        self.assertEqual(archive.cases["fields"].tolist()[0], {"colour": "red"})
        self.assertEqual(archive.cases["n_tokens"].tolist()[2], 2)
        plain, _ = run("logit_lens", "g.h5", prompts=cases)
        self.assertNotEqual(plain.digests["results"], archive.digests["results"])

    def test_takes_more_text_than_arguments_hold(self):
        archive, _ = run("token_analyzer", "h.h5", prompts=["In the beginning " * 20] * 400, max_new_tokens=0)
        self.assertEqual(len(archive.cases), 400)

    def test_takes_a_file_of_prompts(self):
        path = support.folder() / "prompts.txt"
        path.write_text("In the\nAnd God\n")
        with contextlib.redirect_stderr(io.StringIO()):
            archive = lensbench.run("logit_lens", model=support.MODEL, prompts=path, output=support.folder() / "i.h5")
        self.assertEqual(archive.cases["text"].tolist(), ["In the", "And God"])
        with self.assertRaisesRegex(FileNotFoundError, "give texts as a list"):
            lensbench.run("logit_lens", model=support.MODEL, prompts="In the beginning")

    def test_chooses_a_new_archive_without_an_output(self):
        program = "import lensbench, sys; print(lensbench.run('logit_lens', model=sys.argv[1], prompts=['In']).path)"
        folder = support.folder() / "elsewhere"
        folder.mkdir()
        done = subprocess.run([sys.executable, "-c", program, support.MODEL], cwd=folder, capture_output=True,
                              text=True, check=True)
        self.assertEqual(pathlib.Path(done.stdout.strip()).parent, folder / "results")

    def test_raises_what_the_command_says(self):
        with self.assertRaisesRegex(KeyError, "'logit_lense' not found; did you mean 'logit_lens'"):
            run("logit_lense", "j.h5")
        for options, message in [({"top": 3}, "unknown parameter 'top'; did you mean 'top_k'"),
                                 ({"top_k": -1}, "top_k"), ({"prompts": []}, "prompts are missing")]:
            with self.assertRaisesRegex(lensbench.CommandError, message) as caught:
                run("logit_lens", "j.h5", **options)
            self.assertEqual(caught.exception.exit_code, 2)

    def test_warns_of_cases_that_failed(self):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            archive, _ = run("logit_lens", "k.h5", prompts=["In the", [1] * 300])
        mine = [one for one in caught if one.category is lensbench.LensbenchWarning]
        self.assertEqual(len(mine), 1)
        self.assertIn("failed", str(mine[0].message))
        self.assertEqual(archive.cases["status"].tolist(), ["complete", "failed"])
        self.assertIn("256", archive.cases["error_text"].tolist()[1])
        with self.assertRaisesRegex(KeyError, "does not have rows"):
            archive.results["logit_lens"].lensbench.case("ids-1")

    def test_can_be_interrupted_and_resumed(self):
        # A shell in the background starts programs that ignore interrupts.
        program = ("import lensbench, signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
                   "a = lensbench.run('logit_lens', model=sys.argv[1], output=sys.argv[2],\n"
                   "prompts=['In the beginning ' * 50 + str(i) for i in range(40)], points=['resid_post',\n"
                   "'attn_out', 'mlp_out'], top_k=100, options=['--commit-every=0'],\n"
                   "resume=len(sys.argv) > 3); a.verify(); print(len(a.cases))")
        out = support.folder() / "long.h5"
        command = [sys.executable, "-c", program, support.MODEL, str(out)]
        child = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        said = ""
        while " of 40 cases" not in said:
            one = child.stderr.read(1)
            self.assertTrue(one, said)
            said += one
        child.send_signal(signal.SIGINT)
        _, rest = child.communicate(timeout=300)
        self.assertNotEqual(child.returncode, 0)
        self.assertRegex(rest, r"stopped; [0-9]+ of 40 cases are safe")
        self.assertIn("KeyboardInterrupt: stopped", rest)
        self.assertIn(f"the same call with output='{out}' and resume=True", rest)
        self.assertTrue(out.with_suffix(".run").is_dir())
        with self.assertRaisesRegex(lensbench.ArchiveError, "not finished"):
            lensbench.open(out)
        done = subprocess.run([*command, "resume"], capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout.strip(), "40")


class Install(unittest.TestCase):
    @unittest.skipUnless(importlib.util.find_spec("pip") and importlib.util.find_spec("setuptools"),
                         "pip and setuptools are not installed")
    def test_by_pip_without_a_network(self):
        source, target = support.folder() / "python", support.folder() / "installed"
        shutil.copytree(support.ROOT / "python", source)
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps",
                        "--no-build-isolation", "--target", target, source], check=True, capture_output=True)
        self.assertTrue((target / "lensbench" / "py.typed").is_file())
        names = [path.name for path in target.glob("*.dist-info")]
        self.assertEqual(names, [f"lensbench-{lensbench.__version__}.dist-info"])


class Notebook(unittest.TestCase):
    def test_of_the_examples_runs(self):
        if not all(importlib.util.find_spec(name) for name in ("nbclient", "nbformat", "ipykernel")):
            self.skipTest("nbclient and ipykernel are not installed")
        import nbclient
        import nbformat

        folder = support.folder() / "checkout" / "examples" / "notebook"
        folder.mkdir(parents=True)
        os.symlink(support.ROOT / "models", support.folder() / "checkout" / "models")
        book = nbformat.read(support.ROOT / "examples" / "notebook" / "first_look.ipynb", as_version=4)
        nbformat.validate(book)
        self.assertFalse([cell for cell in book.cells if cell.get("outputs")], "save it without outputs")
        nbclient.NotebookClient(book, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
        shown = json.dumps([cell.get("outputs", []) for cell in book.cells])
        self.assertIn("9 \\u00b7of", shown)
        self.assertIn("2 of 2 cases", shown)
        if importlib.util.find_spec("matplotlib"):
            self.assertIn("image/png", shown)
