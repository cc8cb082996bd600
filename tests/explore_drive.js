/*
 * Run in a page of explore, behind its own script: does what a person would, by the pointer and
 * the keyboard, and writes what is shown into pre#driven. tests/explore.sh sets steps
 * (what to do) and places (where a sample's grid lies, by its view.json and not by the page).
 * A step: [sample, query, layer, head, by, show]; query a token's name or [row, column], layer
 * and head by their place from 0, head -1 for the mean; show nothing, "rollout", or a map's number.
 */
const driven = document.createElement("pre");
driven.id = "driven";
/* Where nobody looks the browser draws no frames. */
window.requestAnimationFrame = draw => setTimeout(draw, 1);
const frames = () => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
const at = id => document.getElementById(id);
const write = text => { driven.textContent += `${text}\n`; };
const press = key => (document.activeElement || document.body).dispatchEvent(
    new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
window.addEventListener("error", event => write(`error ${event.message}`));
window.addEventListener("unhandledrejection", event => write(`error ${event.reason}`));

function buttonOf(parent, text) {
    const button = [...at(parent).querySelectorAll("button")].find(one => one.textContent === text);
    if (!button)
        write(`error no button ${text}`);
    return button;
}

/* The middle of a patch, in the window. */
function middle(sample, row, column) {
    const place = places[sample], box = place.box, frame = at("canvas").getBoundingClientRect();
    const x = box[0] + (box[2] - box[0]) * (column + 0.5) / place.grid[1];
    const y = box[1] + (box[3] - box[1]) * (row + 0.5) / place.grid[0];
    return [frame.left + x / place.size[0] * frame.width, frame.top + y / place.size[1] * frame.height];
}

function pointer(type, [clientX, clientY]) {
    const event = type === "click" ? MouseEvent : PointerEvent;
    at("canvas").dispatchEvent(new event(type, { clientX, clientY, bubbles: true, cancelable: true }));
}

async function point(sample, [row, column], odd) {
    press("Escape");
    if (odd && column > 0) { /* the patch beside it, and to the right by a key */
        pointer("pointermove", middle(sample, row, column - 1));
        press("ArrowRight");
    } else {
        pointer("pointermove", middle(sample, row, column));
        pointer("click", middle(sample, row, column));
        pointer("pointermove", middle(sample, 0, 0)); /* held: nothing changes */
    }
    await frames();
}

async function choosePhoto(sample) {
    for (let i = 0; i < samples.length && document.title.split(":")[0] !== sample; i++) {
        press("n");
        for (let wait = 0; wait < 200 && at("said").textContent.startsWith("Unpacking"); wait++)
            await frames();
    }
    if (document.title.split(":")[0] !== sample)
        write(`error ${sample} doesn't come`);
}

function chooseLayer(layer, head, odd) {
    for (let i = 0; i < 64; i++)
        press(odd ? "[" : "PageDown");
    for (let i = 0; i < layer; i++)
        press(odd ? "]" : "PageUp");
    press("m");
    for (let i = 0; i <= head; i++)
        press("h");
}

async function take([sample, query, layer, head, by, show], number) {
    await choosePhoto(sample);
    buttonOf("ways", by ? "is attended by" : "attends to").click();
    buttonOf("query", by ? "is attended by" : "attends to").focus();
    if (typeof show === "number") {
        at("map").value = show;
        at("map").dispatchEvent(new Event("change", { bubbles: true }));
    } else if ((at("rollout").getAttribute("aria-pressed") === "true") !== (show === "rollout"))
        press("r");
    if (typeof show !== "number") /* these keys leave a map */
        chooseLayer(layer, head, number % 2);
    if (typeof query === "string")
        buttonOf("tokens", query).click();
    else
        await point(sample, query, number % 2);
    await frames();
    write(`step ${number} ${at("said").textContent}`);
    write(at("row").value);
}

/* The brightest patch is where it should be, and nothing is drawn beyond the grid. */
async function look(sample) {
    const place = places[sample], canvas = at("canvas"), frame = canvas.getBoundingClientRect();
    const best = at("row").value.split("\n").slice(-place.grid[0] * place.grid[1])
        .map(line => line.split("\t")).reduce((a, b) => Number(b[1]) > Number(a[1]) ? b : a)[0];
    const pen = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    pen.canvas.width = canvas.width;
    pen.canvas.height = canvas.height;
    const colourOf = ([x, y]) => {
        pen.drawImage(canvas, 0, 0);
        return [...pen.getImageData(Math.round((x - frame.left) / frame.width * canvas.width),
            Math.round((y - frame.top) / frame.height * canvas.height), 1, 1).data].slice(0, 3).join(" ");
    };
    at("alpha").value = 1;
    at("alpha").dispatchEvent(new Event("input", { bubbles: true }));
    await frames();
    write(`best ${colourOf(middle(sample, ...best.split(":").map(Number)))}`);
    const outside = middle(sample, 0, -0.7), covered = colourOf(outside);
    at("alpha").value = 0;
    at("alpha").dispatchEvent(new Event("input", { bubbles: true }));
    await frames();
    write(`outside ${covered === colourOf(outside) ? "the photo" : "not the photo"}`);
}

async function drive() {
    for (let wait = 0; wait < 200 && (at("said").textContent === "" || at("said").textContent.startsWith("Unpacking")); wait++)
        await frames();
    at("numbers").open = true;
    await frames();
    for (let i = 0; i < steps.length; i++)
        await take(steps[i], i);
    if (lookAt)
        await look(lookAt);
    write(`texts ${at("name").textContent} ${at("classes").textContent} ${at("kept").textContent}`);
    write(`hit ${window.hit || "nothing"}`);
}

drive().catch(error => write(`error ${error.message}`)).finally(() => {
    write("done");
    document.body.append(driven);
});
