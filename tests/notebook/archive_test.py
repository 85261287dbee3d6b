"""Archives as datasets and tables, and cases cut out of them."""

import ast
import csv
import doctest
import io
import os
import pathlib
import stat
import tokenize
import unittest
import unittest.mock

import h5py
import lensbench
import numpy as np
import support
import xarray as xr
from lensbench import _cases, _run


class Open(unittest.TestCase):
    def test_results_are_those_that_xarray_opens(self):
        with lensbench.open(support.first_look()) as archive:
            self.assertEqual(list(archive.results), ["attribution", "generation", "lens"])
            for name, dataset in archive.results.items():
                plain = xr.open_dataset(support.first_look(), group=f"results/{name}", engine="h5netcdf")
                self.assertTrue(dataset.identical(plain), name)
                plain.close()

    def test_results_are_not_read_before_they_are_used(self):
        with lensbench.open(support.lens()) as archive:
            self.assertFalse(archive.results["logit_lens"]["entropy"].variable._in_memory)

    def test_tables_are_those_of_the_archive(self):
        archive = lensbench.open(support.lens())
        self.assertEqual(archive.cases["case_id"].tolist(), ["prompt-1", "prompt-2", "prompt-3", "ids-1"])
        self.assertEqual(archive.cases["text"].tolist(), [*support.PROMPTS, ""])
        self.assertEqual(archive.cases["n_tokens"].tolist()[1::2], [4, 3])
        self.assertEqual(set(archive.cases["status"]), {"complete"})
        self.assertEqual(archive.recipe["name"], "logit_lens")
        self.assertEqual(archive.recipe["parameters"]["top_k"], "3")
        self.assertIn("model.safetensors", [file["file_name"] for file in archive.recipe["files"]])
        self.assertEqual(archive.recipe["plugins"][0]["plugin_name"], "logit_lens")
        self.assertEqual(archive.receipts["name"].tolist(), ["lens_last_layer_equals_logits"])
        self.assertTrue(archive.receipts["passed"].all())
        self.assertIn("blas_core", archive.environment)

    def test_digests_are_those_of_the_file_next_to_it(self):
        archive = lensbench.open(support.lens())
        kept = support.lens().with_suffix(".h5.sha256").read_text()
        self.assertIn(archive.digests["seal"], kept)
        self.assertIn(archive.digests["results"], kept)

    def test_format_1_is_read(self):
        archive = lensbench.open(support.FORMAT_1, verify=True)
        self.assertEqual((archive.format, list(archive.results)), (1, ["logit_lens"]))
        self.assertEqual(archive.cases["case_id"].tolist(), ["prompt-1", "ids-1"])
        cut = archive.results["logit_lens"].lensbench.case("ids-1")
        self.assertEqual(cut["input_id"].values.tolist(), [5, 9])

    def test_closed_archives_say_so(self):
        with lensbench.open(support.lens()) as archive:
            pass
        with self.assertRaisesRegex(lensbench.ArchiveError, "closed"):
            archive.results["logit_lens"]

    def test_other_files_are_refused_with_the_reason(self):
        text = support.folder() / "text.h5"
        text.write_text("no archive")
        plain = support.folder() / "plain.h5"
        h5py.File(plain, "w").close()
        later = support.copy_of(support.lens(), "later.h5")
        with h5py.File(later, "r+") as file:
            file.attrs["format_version"] = np.int64(3)
        unfinished = support.folder() / "unfinished.run"
        unfinished.mkdir(exist_ok=True)
        for path, reason in [(text, "not an HDF5 file"), (plain, "not an archive of lensbench"),
                             (later, "format 3 is later"), (support.folder(), "not an HDF5 file"),
                             (unfinished, "not finished"), (unfinished.with_suffix(".h5"), "not finished")]:
            with self.assertRaisesRegex(lensbench.ArchiveError, reason):
                lensbench.open(path)
        with self.assertRaisesRegex(FileNotFoundError, "absent.h5: there is no such file"):
            lensbench.open("absent.h5")

    def test_unknown_results_have_the_nearest_name(self):
        archive = lensbench.open(support.first_look())
        with self.assertRaisesRegex(KeyError, "result 'lense' not found; did you mean 'lens'"):
            archive.results["lense"]
        self.assertNotIn("lense", archive.results)


class OneCase(unittest.TestCase):
    def setUp(self):
        self.lens = lensbench.open(support.lens()).results["logit_lens"]

    def test_has_its_tokens_alone(self):
        cut = self.lens.lensbench.case("prompt-2")
        rows = np.flatnonzero(self.lens["case"].values == 1)
        self.assertEqual(cut.sizes["token"], 4)
        self.assertEqual(cut["token"].values.tolist(), [0, 1, 2, 3])
        self.assertEqual("".join(cut["input_token"].values.tolist()), "In the beginning")
        self.assertEqual(cut["label"].values.tolist(), ["0 In", "1 ·the", "2 ·begin", "3 ning"])
        np.testing.assert_array_equal(cut["entropy"], self.lens["entropy"].values[:, rows])

    def test_equals_what_the_command_exports(self):
        cut = self.lens.lensbench.case("prompt-2")
        text = support.call("export", support.lens(), "logit_lens/target_rank", "--format", "csv").stdout
        rows = [row for row in csv.DictReader(io.StringIO(text)) if row["case"] == "1"]
        for row in rows:
            here = cut["target_rank"].sel(layer=int(row["layer"]), token=int(row["position"])).item()
            self.assertEqual(here, int(row["target_rank"]))
        self.assertEqual(len(rows), cut["target_rank"].size)

    def test_is_the_same_by_number_and_from_variables(self):
        by_id = self.lens.lensbench.case("prompt-3")
        self.assertTrue(self.lens.lensbench.case(2).identical(by_id))
        self.assertTrue(self.lens["entropy"].lensbench.case("prompt-3").identical(by_id["entropy"]))
        self.assertTrue((self.lens["entropy"] * 2).lensbench.case("prompt-3").equals(by_id["entropy"] * 2))

    def test_works_on_what_xarray_opened(self):
        plain = xr.open_dataset(support.lens(), group="results/logit_lens", engine="h5netcdf")
        self.assertEqual(plain.lensbench.case("ids-1")["input_id"].values.tolist(), [1, 2, 3])
        plain.close()

    def test_can_be_selected_by_position_and_label(self):
        cut = self.lens.lensbench.case("prompt-1")
        here = cut["target_rank"].sel(token=9).values
        np.testing.assert_array_equal(cut["target_rank"].swap_dims(token="label").sel(label="9 ·of"), here)
        self.assertEqual(cut["target_rank"].swap_dims(token="label").to_pandas().shape, (7, 10))

    def test_loses_the_dimension_of_cases(self):
        attribution = lensbench.open(support.first_look()).results["attribution"]
        cut = attribution.lensbench.case("prompt-3")
        self.assertNotIn("case_number", cut.dims)
        self.assertEqual(cut["case_id"].item(), "prompt-3")
        self.assertEqual(cut["position_of_case"].item(), attribution["position_of_case"].values[2])

    def test_of_a_summary_over_cases_is_one_row(self):
        audit = support.archive("audit", "run", "generation_audit", "--set", "max_new_tokens=2")
        summary = lensbench.open(audit).results["summary"]
        self.assertEqual(summary["new_tokens"].dims, ("case",))
        self.assertEqual(summary.lensbench.case("ids-1")["new_tokens"].item(), summary["new_tokens"].values[3])

    def test_has_the_axes_that_each_case_has_for_itself(self):
        patterns = lensbench.open(support.patterns()).results["activations"]
        name = "blocks.0.attn.hook_pattern"
        cut = patterns.lensbench.case("prompt-2")
        self.assertEqual(cut[name].dims, ("head", "query_position", "key_position"))
        np.testing.assert_array_equal(cut[name], patterns[f"{name}_case1"])
        self.assertFalse([other for other in cut.variables if "_case" in str(other)])
        alone = patterns[f"{name}_case1"].lensbench.case(1)
        self.assertEqual(alone.dims, ("head", "query_position", "key_position"))

    def test_that_does_not_exist_has_the_nearest_names(self):
        with self.assertRaisesRegex(KeyError, "case 'promt-2' not found; did you mean 'prompt-2'"):
            self.lens.lensbench.case("promt-2")
        with self.assertRaisesRegex(KeyError, "case number 9 not found; known: 0, 1, 2, 3"):
            self.lens.lensbench.case(9)
        with self.assertRaisesRegex(KeyError, "'prompt-1' does not have rows"):
            self.lens.isel(token=slice(12, None)).lensbench.case("prompt-1")

    def test_of_data_without_cases_is_an_error(self):
        with self.assertRaisesRegex(lensbench.LensbenchError, "no dimension counts cases"):
            self.lens["entropy"].mean("token").lensbench.case(0)
        with self.assertRaisesRegex(lensbench.LensbenchError, "give the number"):
            xr.Dataset({"a": ("b", [1])}).lensbench.case("prompt-1")


class Page(unittest.TestCase):
    def command(self, text):
        path = support.folder() / f"{self.id()}.sh"
        path.write_text("#!/bin/sh\n" + text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    def test_is_a_frame_that_holds_the_page_of_the_command(self):
        # A program in the place of lensbench: it writes its arguments, in markup, as the page.
        command = self.command("""echo "<p title='\\"'>$1 $2 $3 $5 $6</p><script>1 && 2</script>" >"$4"\n""")
        archive = lensbench.open(support.lens(), command=command)
        page = archive.page("prompt-2", options=["--top-k=3"], height=300)
        script = "<script>1 && 2</script>\n"
        self.assertEqual(page.html, f"<p title='\"'>report {archive.path} -o --case=prompt-2 --top-k=3</p>{script}")
        frame = page._repr_html_()
        self.assertTrue(frame.startswith("<iframe") and "height:300px" in frame and "allow-same-origin" not in frame)
        self.assertIn('srcdoc="&lt;p title=&#x27;&quot;&#x27;&gt;report', frame)
        self.assertEqual(frame.count('"'), 2 * 4)

    def test_that_cannot_be_made_says_why(self):
        archive = lensbench.open(support.lens(), command=self.command("echo 'lensbench: no fonts' >&2; exit 3\n"))
        with self.assertRaisesRegex(lensbench.CommandError, "^no fonts$") as caught:
            archive.page()
        self.assertIn("<small>no fonts</small>", archive._repr_html_())
        self.assertEqual(caught.exception.exit_code, 3)

    def test_of_the_real_command(self):
        page = lensbench.open(support.lens()).page("prompt-2")
        self.assertIn("Content-Security-Policy", page.html)
        self.assertIn("logit_lens", page.html)


class Package(unittest.TestCase):
    def test_has_the_version_of_the_command(self):
        self.assertEqual(support.call("--version").stdout.split()[1], lensbench.__version__)

    def test_has_less_than_500_lines_of_code(self):
        count = 0
        for path in pathlib.Path(lensbench.__file__).parent.glob("*.py"):
            text = path.read_text(encoding="utf-8")
            code = {line for token in tokenize.generate_tokens(io.StringIO(text).readline)
                    if token.type not in (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
                    for line in range(token.start[0], token.end[0] + 1) if token.string}
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node):
                    code -= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
            count += len(code)
        self.assertLess(count, 500)

    def test_has_examples_that_hold(self):
        for module in (_cases, _run):
            outcome = doctest.testmod(module)
            self.assertEqual(outcome.failed, 0)
            self.assertGreater(outcome.attempted, 0)

    def test_is_found_by_the_variable_and_on_the_path(self):
        nowhere = unittest.mock.patch.dict(os.environ, {"LENSBENCH": "/nowhere/lensbench"})
        with nowhere, self.assertRaisesRegex(lensbench.CommandError, "'/nowhere/lensbench' was not found"):
            lensbench.run("logit_lens", model=support.MODEL, prompts=["In"])
        folder = os.path.dirname(support.COMMAND)
        with unittest.mock.patch.dict(os.environ, {"LENSBENCH": "", "PATH": folder}):
            self.assertEqual(lensbench._command.find_command(), support.COMMAND)
