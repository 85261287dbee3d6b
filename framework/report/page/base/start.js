// Unpacks the script of the page and runs it: a page holds it as data, in the form of its blocks. The
// policy of the page allows that text alone, by its SHA-256.
async function start() {
  const binary = atob(document.getElementById('script').textContent);
  const bytes = Uint8Array.from(binary, (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  const script = document.createElement('script');
  script.textContent = await new Response(stream).text();
  // It runs at once; the element is not needed any more.
  document.body.append(script);
  script.remove();
}

start().catch((error) => {
  // The page without the script stays as it is: it has the headings, the tables and the pictures.
  document.documentElement.dataset.error = error.message;
  const note = document.createElement('p');
  note.className = 'page-failed';
  note.setAttribute('role', 'alert');
  note.textContent = `The interactive views could not be started: ${error.message}. They need a browser of 2023 or later. Below is the page without them.`;
  document.getElementById('app').append(note);
});
