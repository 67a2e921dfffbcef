"""What `split` found in the folder, in a few lines for the terminal."""

from typing import Any

from crosscheck.data import depth, leakage, split_sizes
from crosscheck.data.splitting import SUBSETS


def summarize(found: dict[str, Any]) -> str:
    """A few lines for the terminal about a report from `report.make`; the details are in report.json."""
    totals = {subset: sum(counts[subset] for counts in found["counts"].values()) for subset in SUBSETS}
    sizes = ", ".join(f"{total} {subset}" for subset, total in totals.items())
    remarks = _remarks(found)
    lines = [
        f"{sum(totals.values())} images of {len(found['counts'])} classes: {sizes}",
        _how_read(found),
        *_how_split(found),
        *remarks,
    ]
    if remarks:
        lines.append("report.json, next to the manifest, lists them all")
    return "\n".join(lines)


def _how_read(found: dict[str, Any]) -> str:
    """What named the classes, and the subsets where the author made them."""
    if found["read_as"] == "table":
        return f"labels from the table {found['sources']['table']}"
    if found["read_as"] == "classes":
        return "read as one folder for each class"
    made = ", ".join(f"{subset} from {folder!r}" for subset, folder in found["sources"].items())
    missing = [subset for subset in SUBSETS if subset not in found["sources"]]
    return f"read as ready-made subsets: {made}" + (
        f"; the author made no {' and no '.join(missing)}" if missing else ""
    )


def _how_split(found: dict[str, Any]) -> list[str]:
    lines = []
    kept = [subset for subset in split_sizes.DRAWN if subset in found["given"]]
    if kept and found["read_as"] == "table":
        lines.append(f"{' and '.join(kept)} as the table gives {'it' if len(kept) == 1 else 'them'}")
    groups, fold = found["groups"], found["fold"]
    if groups["count"]:
        alone = sum(sum(counts.values()) for counts in found["counts"].values()) - groups["images"]
        lines.append(
            f"{groups['count']} groups, each in one subset (split.group_by: {groups['named_by']})"
            if groups["named_by"] != "labels"
            else f"{groups['count']} groups of the table of labels, each in one subset"
        )
        if alone:
            lines[-1] += f"; {alone} images are in no group"
    if fold["folds"]:
        lines.append(f"fold {fold['fold']} of 0 to {fold['folds'] - 1}: the test sets of all folds are all images")
    return lines


def _remarks(found: dict[str, Any]) -> list[str]:
    lines = [f"warning: {remark}" for remark in (*found["remarks"], *found["class_names"])]
    lines += [f"warning: {leak}" for leak in leakage.warnings(found["leakage"])]
    for subset, names in found["lacking"].items():
        lines.append(f"warning: {subset} holds no image of {len(names)} classes, such as {names[0]!r}")
    if found["unlisted"]:
        count, first = len(found["unlisted"]), found["unlisted"][0]
        lines.append(f"warning: the table does not name {count} images, such as {first!r}; they are ignored")
    lines += depth.warnings(found["narrow_ranges"])
    if found["duplicates"]:
        apart = found["leakage"]["groups_count"]
        stays = f"all but {apart} of them stay" if apart else "each stays"
        lines.append(f"{len(found['duplicates'])} groups of images have the same pixels; {stays} in one subset")
    if found["duplicates_across_classes"]:
        count = len(found["duplicates_across_classes"])
        lines.append(f"warning: {count} of these groups are in more than one class, so labels contradict each other")
    for subset, missing in found["fewer_than_asked"].items():
        if missing:
            lines.append(
                f"warning: {subset} has fewer images than asked for in {len(missing)} classes, "
                f"since duplicates {'and groups ' if found['groups']['count'] else ''}stay together"
            )
    if found["near_duplicates_across_subsets_count"]:
        count = found["near_duplicates_across_subsets_count"]
        lines.append(f"warning: {count} pairs of images in different subsets are near-duplicates")
    if found["skipped"]:
        lines.append(f"warning: {len(found['skipped'])} images skipped that are missing or cannot be read")
    if found["ignored"]:
        names = [name if name.isprintable() else repr(name) for name in found["ignored"]]
        shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
        lines.append(f"{len(names)} files or folders that are not images ignored: {shown}")
    return lines
