# Pins for feedstocks without a requirements.txt: they worked together in November 2026 with Python 3.11.
default_requirements='pangeo-forge-recipes==0.10.8
apache-beam==2.77.0
zarr<3
xarray<2026
pandas<3
fsspec
h5netcdf
netcdf4
aiohttp
requests'
runner='pangeo-forge-runner==0.10.2'

say() { printf '%s\n' "reproduce: $*" >&2; }
stop() { say "$*"; exit 2; }

for tool in git "$PYTHON"; do
    command -v -- "$tool" >/dev/null || stop "$tool is not installed."
done
mkdir -p -- "$folder"
cd -- "$folder"
folder=$PWD

# 1. The repository at the commit of the run.
[ -d repository ] || git clone --quiet -- "$REPOSITORY" repository || stop "$REPOSITORY cannot be cloned."
if ! found=$(git -C repository rev-parse --verify --quiet --end-of-options "$commit^{commit}"); then
    # A commit that no branch contains, such as that of a pull request.
    git -C repository fetch --quiet -- origin "$commit" || stop "the repository has no commit $commit."
    found=$(git -C repository rev-parse --verify FETCH_HEAD)
fi
git -C repository checkout --quiet --force --detach "$found"
git -C repository clean --quiet -ffdx  # what this script wrote there before
say "$REPOSITORY is at $found."

# 2. The folder of the recipe: feedstock/, or in staged-recipes the one whose meta.yaml names the recipe.
subdir=feedstock
if [ ! -f repository/feedstock/meta.yaml ]; then
    for meta in repository/recipes/*/meta.y*ml; do
        if [ -f "$meta" ] && grep -qF -e "$recipe" -- "$meta"; then
            subdir=${meta#repository/}
            subdir=${subdir%/*}
        fi
    done
fi
[ -f "repository/$subdir/meta.yaml" ] || stop "there is no meta.yaml with the recipe $recipe."

# 3. The packages that requirements.txt names, in versions from before the run where pip can choose them.
[ -x venv/bin/python ] || "$PYTHON" -m venv venv
venv/bin/python -m pip install --quiet --upgrade pip
if [ -f "repository/$subdir/requirements.txt" ]; then
    cp "repository/$subdir/requirements.txt" requirements.txt
else
    say "the feedstock has no requirements.txt; the versions are not those of the run."
    printf '%s\n' "$default_requirements" >requirements.txt
    before=
fi
if [ -n "$before" ] && venv/bin/python -m pip install --help | grep -q -e --uploaded-prior-to; then
    venv/bin/python -m pip install --quiet --uploaded-prior-to "$before" -r requirements.txt ||
        stop "pip cannot install versions from before $before; try another Python (PYTHON=python3.9), or BEFORE= for the newest."
else
    venv/bin/python -m pip install --quiet -r requirements.txt || stop "pip cannot install requirements.txt."
fi
venv/bin/python -m pip install --quiet "$runner"
venv/bin/python -m pip freeze >installed.txt

# 4. The recipe, on this machine. The packages are there already, so the runner has nothing to install.
: >"repository/$subdir/requirements.txt"
cat >config.json <<CONFIG
{"Bake": {"bakery_class": "pangeo_forge_runner.bakery.local.LocalDirectBakery"},
 "LocalDirectBakery": {"num_workers": 1},
 "TargetStorage": {"fsspec_class": "fsspec.implementations.local.LocalFileSystem",
                   "root_path": "target/{job_name}"},
 "InputCacheStorage": {"fsspec_class": "fsspec.implementations.local.LocalFileSystem", "root_path": "cache"}}
CONFIG
PYTHONPATH=$(venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
PATH=$folder/venv/bin:$PATH
export PATH PYTHONPATH
say "running $recipe; its output is also in $folder/log.txt."
code=0
pangeo-forge-runner bake --repo repository --feedstock-subdir "$subdir" --Bake.recipe_id="$recipe" \
    --Bake.job_name="$job" -f config.json ${prune:+"$prune"} 2>&1 | tee log.txt || code=$?
if [ "$code" = 0 ]; then
    say "the recipe succeeded; the dataset is in $folder/target/$job."
else
    say "the recipe failed with exit code $code; installed.txt has the versions."
fi
exit "$code"
