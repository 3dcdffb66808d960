"""Input as it comes from sick hosts, broken connections and other tools: a reason, never a wrong value."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.domain.image import BaseImage, Component, ImageProfile, Product, Vib
from auditor.domain.observation import Read, Reason, StagedImage, Unread
from auditor.domain.readings import add_on, banks, base_image, components, maintenance_mode, product, profile, staged, vibs
from auditor.domain.readings.answer import TEXT_LIMIT, Answer
from auditor.domain.versions import BaseImageVersion

from .parsers import PARSERS
from .test_samples import TEXTS

HERE = Path(__file__).parent
GOOD = [path for path in TEXTS if isinstance(PARSERS[path.parent.name](Answer(path.read_bytes())), Read)]
TEXT_PARSERS = {name: parse for name, parse in PARSERS.items() if name != "bootbank-cfg"}
MAY_BE_EMPTY = {"add-on", "vib-list-rebooting"}  # empty is these commands' way of saying "none"
VIBS_9 = (HERE / "vib-list" / "9.0.0-24755229-vanilla.txt").read_bytes()


def reason(name: str, answer: Answer) -> Reason:
    reading = PARSERS[name](answer)
    assert isinstance(reading, Unread), reading
    return reading.reason


@pytest.mark.parametrize("name", TEXT_PARSERS)
class TestEveryTextReading:
    def test_unknown_command(self, name: str) -> None:
        text = b"Error: Unknown command or namespace software component list\n\n"
        assert reason(name, Answer(text, 1)) is Reason.NOT_SUPPORTED
        assert reason(name, Answer(text, 0)) is Reason.NOT_SUPPORTED
        assert reason(name, Answer(b"", 1, text.decode())) is Reason.NOT_SUPPORTED

    def test_error_block(self, name: str) -> None:
        block = b" [NoMatchError]\n No image profile found with name 'X'\n         id = X\n Please refer to the log file.\n"
        for answer in (Answer(block, 1), Answer(block, 0), Answer(b"", 1, block.decode())):
            assert reason(name, answer) is Reason.FAILED

    def test_memory_error_names_itself(self, name: str) -> None:
        reading = PARSERS[name](Answer(b" [MemoryError]\n\n Please refer to the log file for more details.\n", 1))
        assert isinstance(reading, Unread)
        assert "MemoryError" in reading.detail

    def test_status_alone(self, name: str) -> None:
        assert reason(name, Answer(b"", 1)) is Reason.FAILED
        assert reason(name, Answer(b"", 137, "Killed")) is Reason.FAILED

    def test_no_such_command(self, name: str) -> None:
        assert reason(name, Answer(b"", 127, "sh: esxcli: not found")) is Reason.FAILED

    def test_empty(self, name: str) -> None:
        if name in MAY_BE_EMPTY:
            return
        assert reason(name, Answer(b"")) is Reason.UNREADABLE
        assert reason(name, Answer(b"\n\n")) is Reason.UNREADABLE

    def test_frame_not_whole(self, name: str) -> None:
        late = Unread(Reason.TIMED_OUT, "too late")
        assert reason(name, Answer(b"Enabled\n", None, "", late)) is Reason.TIMED_OUT

    def test_50_mb(self, name: str) -> None:
        assert reason(name, Answer(b"shout\n" * 8_400_000)) is Reason.TOO_LARGE
        assert reason(name, Answer(b" " * TEXT_LIMIT + b"\n")) is Reason.TOO_LARGE

    def test_largest_text_read_is_read_in_time(self, name: str) -> None:
        for piece in (b" ", b"- ", b"a: ", b"[A", b"--", b"ab  "):
            text = piece * ((TEXT_LIMIT - 1) // len(piece)) + b"\n"
            assert isinstance(PARSERS[name](Answer(text)), Unread) or name in MAY_BE_EMPTY

    @given(data=st.binary(max_size=300))
    def test_any_bytes_never_raise(self, name: str, data: bytes) -> None:
        reading = PARSERS[name](Answer(data))
        assert isinstance(reading, (Read, Unread))


@pytest.mark.parametrize("path", GOOD, ids=lambda path: f"{path.parent.name}/{path.stem}")
class TestEveryGoodSample:
    def test_wrong_encodings(self, path: Path) -> None:
        name, text = path.parent.name, path.read_text()
        assert reason(name, Answer(text.encode("utf-16"))) is Reason.UNREADABLE
        assert reason(name, Answer(text.encode("utf-16-le"))) is Reason.UNREADABLE
        assert reason(name, Answer(("Müller\n" + text).encode("latin-1"))) is Reason.UNREADABLE

    def test_nul(self, path: Path) -> None:
        assert reason(path.parent.name, Answer(b"\0" + path.read_bytes())) is Reason.UNREADABLE

    def test_crlf(self, path: Path) -> None:
        parse, data = PARSERS[path.parent.name], path.read_bytes()
        assert parse(Answer(data.replace(b"\n", b"\r\n"))) == parse(Answer(data))

    def test_noise_before(self, path: Path) -> None:
        noise = b"\nWARNING: the host will be busy for a while\nLicensed to: nobody\n\n"
        parse, data = PARSERS[path.parent.name], path.read_bytes()
        assert parse(Answer(noise + data)) == parse(Answer(data))

    def test_cut_at_any_byte_of_an_unfinished_frame(self, path: Path) -> None:
        data = path.read_bytes()
        cut = Unread(Reason.CUT_OFF, "the connection broke")
        for end in range(0, len(data), max(1, len(data) // 200)):
            assert reason(path.parent.name, Answer(data[:end], None, "", cut)) is Reason.CUT_OFF

    def test_cut_at_any_byte_unnoticed(self, path: Path) -> None:
        """Should a cut ever go unnoticed by the frame: a reason, or what was read is right.

        A table has no end of its own, so a list cut between two rows is shorter; whether it is whole is the frame's to
        say. Each row that is there is right.
        """
        parse, data = PARSERS[path.parent.name], path.read_bytes()
        whole = parse(Answer(data))
        assert isinstance(whole, Read)
        for end in range(len(data)):
            reading = parse(Answer(data[:end]))
            if isinstance(reading, Unread):
                continue
            if isinstance(whole.value, tuple):
                assert data[:end].endswith(b"\n")
                assert reading.value == whole.value[: len(reading.value)]
            else:
                assert reading == whole


class TestVibList:
    def table(self, *rows: str) -> Answer:
        head = (
            "Name      Version        Vendor  Acceptance Level  Install Date  Platforms",
            "--------  -------------  ------  ----------------  ------------  ---------",
            "esx-base  8.0.3-0.70.24  VMware  VMwareCertified   2025-01-02    host",
        )
        return Answer("".join(f"{line}\n" for line in (*head, *rows)).encode())

    def read(self, *rows: str) -> tuple[Vib, ...]:
        reading = vibs.parse(self.table(*rows))
        assert isinstance(reading, Read), reading
        return reading.value[1:]

    def test_field_wider_than_its_ruler(self) -> None:
        (vib,) = self.read("a-very-long-name  1.0-1  Vendor With Blanks  VMwareAccepted  2025-01-02  host")
        assert (vib.name, vib.version, vib.vendor) == ("a-very-long-name", "1.0-1", "Vendor With Blanks")
        assert (vib.acceptance_level, vib.install_date, vib.platforms) == ("VMwareAccepted", "2025-01-02", "host")

    def test_empty_cell_in_place(self) -> None:
        (vib,) = self.read("lonely    1.0-1                  VMwareAccepted    2025-01-02    host")
        assert (vib.vendor, vib.acceptance_level) == ("", "VMwareAccepted")

    def test_two_blanks_inside_a_cell_in_place(self) -> None:
        (vib,) = self.read("double    1.0-1          A  B    VMwareAccepted    2025-01-02    host")
        assert (vib.name, vib.vendor, vib.platforms) == ("double", "A  B", "host")

    def test_last_column_missing(self) -> None:
        (vib,) = self.read("short     1.0-1          VMware  VMwareAccepted    2025-01-02")
        assert (vib.install_date, vib.platforms) == ("2025-01-02", "")

    @pytest.mark.parametrize(
        "row",
        [
            "a-very-long-name  1.0-1  VMwareAccepted  2025-01-02  host",  # one cell is empty, and nobody knows which
            "WARNING: something happened while the list was printed",
            "name-only",
            "a-very-long-name  1.0-1  A  B  VMwareAccepted  2025-01-02  host",  # two blanks inside a cell out of its place
            "esx-base  8.0.3-0.70.25  VMware  VMwareCertified   2025-01-02    host",  # a second esx-base
        ],
    )
    def test_row_that_cannot_be_read_spoils_the_list(self, row: str) -> None:
        reading = vibs.parse(self.table(row))
        assert isinstance(reading, Unread)
        assert reading.reason is Reason.UNREADABLE
        assert reading.raw.startswith("Name")

    def test_equal_texts_share_their_vibs(self) -> None:
        """A thousand hosts with the same list must not hold a thousand copies."""
        first, second = vibs.parse(Answer(VIBS_9)), vibs.parse(Answer(bytes(VIBS_9)))
        assert isinstance(first, Read)
        assert isinstance(second, Read)
        assert first.value is second.value

    def test_install_dates_are_each_hosts_own(self) -> None:
        other = vibs.parse(Answer(VIBS_9.replace(b"2025-12-06", b"2026-01-01")))
        own = vibs.parse(Answer(VIBS_9))
        assert isinstance(own, Read)
        assert isinstance(other, Read)
        assert {vib.install_date for vib in own.value} == {"2025-12-06"}
        assert {vib.install_date for vib in other.value} == {"2026-01-01"}

    def test_structures_give_what_the_text_gives(self) -> None:
        text = vibs.parse(Answer(VIBS_9))
        assert isinstance(text, Read)
        structures = [
            {
                "Name": vib.name,
                "Version": vib.version,
                "Vendor": vib.vendor,
                "AcceptanceLevel": vib.acceptance_level,
                "InstallDate": vib.install_date,
                "Platforms": [vib.platforms],
                "ID": "not asked for",
                "Status": None,
            }
            for vib in text.value
        ]
        again = vibs.from_rows(structures)
        assert again == text
        assert isinstance(again, Read)
        assert [vib.platforms for vib in again.value] == [vib.platforms for vib in text.value]
        assert isinstance(vibs.from_rows([]), Unread)
        assert vibs.from_rows([], command=vibs.REBOOTING) == Read(())

    def test_nothing_staged(self) -> None:
        assert vibs.parse_rebooting(Answer(b"")) == Read(())


class TestProduct:
    def test_lines_in_either_order(self) -> None:
        text = b"VMware ESXi 8.0.3 build-24585383\nVMware ESXi 8.0 Update 3\n"
        swapped = b"VMware ESXi 8.0 Update 3\nVMware ESXi 8.0.3 build-24585383\n"
        for data in (text, swapped):
            reading = product.parse_vmware(Answer(data))
            assert reading == Read(Product("8.0.3", "24585383"))
            assert isinstance(reading, Read)
            assert reading.value.label == "VMware ESXi 8.0 Update 3"

    @pytest.mark.parametrize(
        "label", ["VMware ESXi 6.7.0 GA", "VMware ESXi 6.7.0 Update 3", "VMware ESX 9.0.1.0", "VMware ESXi 9.0.0 GA"]
    )
    def test_label_forms(self, label: str) -> None:
        reading = product.parse_vmware(Answer(f"VMware ESXi 6.7.0 build-8169922\n{label}\n".encode()))
        assert isinstance(reading, Read)
        assert reading.value.label == label

    def test_9_as_esx(self) -> None:
        assert product.parse_vmware(Answer(b"VMware ESX 9.0.1 build-24957456\n")) == Read(Product("9.0.1", "24957456"))

    def test_two_versions_are_none(self) -> None:
        text = b"VMware ESXi 8.0.3 build-24585383\nVMware ESXi 8.0.2 build-23825572\n"
        assert isinstance(product.parse_vmware(Answer(text)), Unread)

    def test_system_version_without_maintenance(self) -> None:
        text = b"   Product: VMware ESXi\n   Version: 8.0.3\n   Build: Releasebuild-24674464\n   Update: 3\n   Patch: 70\n"
        reading = product.parse_system_version(Answer(text))
        assert isinstance(reading, Read)
        assert (reading.value.build, reading.value.update, reading.value.patch) == ("24674464", "3", "70")

    def test_version_twice_is_none(self) -> None:
        text = b"   Version: 8.0.3\n   Version: 8.0.2\n   Build: Releasebuild-24674464\n"
        assert isinstance(product.parse_system_version(Answer(text)), Unread)

    def test_combined(self) -> None:
        one = Read(Product("8.0.3", "1", name="VMware ESXi", label="VMware ESXi 8.0 Update 3"))
        two = Read(Product("8.0.3", "1", name="VMware ESXi", update="3", patch="70"))
        both = product.combine(one, two)
        assert isinstance(both, Read)
        assert (both.value.label, both.value.patch) == ("VMware ESXi 8.0 Update 3", "70")
        late = Unread(Reason.TIMED_OUT)
        assert product.combine(one, late) is one
        assert product.combine(late, two) is two
        assert product.combine(late, Unread(Reason.FAILED)) is late
        short, long = Read(Product("9.1.0", "1", label="VMware ESX 9.1.0")), Read(Product("9.1.0.0200", "1", patch="0"))
        assert product.combine(short, long) == long
        assert product.combine(long, short) == short
        assert isinstance(product.combine(Read(Product("9.1.0.02", "1")), long), Unread)
        differ = product.combine(one, Read(Product("8.0.3", "2")))
        assert isinstance(differ, Unread)
        assert "build 1" in differ.detail
        assert "build 2" in differ.detail


class TestProfile:
    def test_pending_image(self) -> None:
        text = b"ESXi-8.0U3e-24674464-standard\n   Name: ESXi-8.0U3e-24674464-standard\n   Vendor: VMware, Inc.\n"
        assert profile.parse_rebooting(Answer(text)) == Read(ImageProfile("ESXi-8.0U3e-24674464-standard", "VMware, Inc."))

    def test_description_that_tells_of_another_profile(self) -> None:
        text = (
            "(Updated) X\n   Name: (Updated) X\n   Vendor: esx1.example\n   Description:\n\n"
            "      2025-05-21: a VIB was installed. Before:\n      Name: Y\n      Vendor: VMware, Inc.\n\n   VIBs: a, b\n"
        )
        assert profile.parse(Answer(text.encode())) == Read(ImageProfile("X", "esx1.example", updated=True))

    def test_structures(self) -> None:
        fields = {"Name": "(Updated) X", "Vendor": "esx1.example", "VIBs": ["a", "b"]}
        assert profile.from_fields(fields) == Read(ImageProfile("X", "esx1.example", updated=True))
        assert profile.rebooting_from_fields({"Name": "No pending image profile available.", "Vendor": "N/A"}) == Read(None)
        assert isinstance(profile.from_fields({"Name": "No pending image profile available.", "Vendor": "N/A"}), Unread)


class TestFormsNobodyPublished:
    """Component list, base image and add-on: read by field name; everything else kept as raw text."""

    def test_component_table(self) -> None:
        text = (
            "Name  Display Name      Version          Display Version  Vendor  Creation Date  Acceptance Level  Platforms\n"
            "----  ----------------  ---------------  ---------------  ------  -------------  ----------------  ---------\n"
            "ESXi  VMware ESXi       8.0.3-0.70.2467  8.0 U3e - 2467   VMware  04-01-2025     VMwareCertified   host\n"
        )
        reading = components.parse(Answer(text.encode()))
        assert reading == Read((Component("ESXi", "8.0.3-0.70.2467", "VMware ESXi", "VMware"),))
        fields = {"Name": "ESXi", "Version": "8.0.3-0.70.2467", "DisplayName": "VMware ESXi", "Vendor": "VMware"}
        assert components.from_rows([fields]) == reading

    def test_display_version_with_two_blanks(self) -> None:
        """A base image without an update letter is displayed so, and component ESXi after it."""
        text = (
            "Name  Display Name  Version             Display Version  Vendor\n"
            "----  ------------  ------------------  ---------------  ------\n"
            "ESXi  VMware ESXi   8.0.1-0.0.20764643  8.0  - 20764643  VMware\n"
        )
        assert components.parse(Answer(text.encode())) == Read((Component("ESXi", "8.0.1-0.0.20764643"),))

    def test_same_component_twice(self) -> None:
        assert isinstance(components.from_rows([{"Name": "a", "Version": "1"}, {"Name": "a", "Version": "2"}]), Unread)

    def test_base_image(self) -> None:
        text = b"   Name: ESXi\n   Display Version: 8.0 U3e - 24674464\n   Version: 8.0.3-0.70.24674464\n"
        reading = base_image.parse(Answer(text))
        assert reading == Read(BaseImage(BaseImageVersion.parse("8.0.3-0.70.24674464")))
        assert isinstance(reading, Read)
        assert reading.value.display == "8.0 U3e - 24674464"

    def test_components_listed_below_a_base_image(self) -> None:
        text = b"   Version: 8.0.3-0.70.24674464\n   Components:\n      Name: a\n      Version: 1.0-1\n"
        assert base_image.parse(Answer(text)) == Read(BaseImage(BaseImageVersion.parse("8.0.3-0.70.24674464")))

    def test_base_image_of_which_only_a_component_tells_a_version(self) -> None:
        assert isinstance(base_image.parse(Answer(b"   Name: ESXi\n      Version: 8.0.3-0.70.24674464\n")), Unread)

    def test_base_image_that_is_no_version(self) -> None:
        reading = base_image.parse(Answer(b"   Version: 8.0\n"))
        assert isinstance(reading, Unread)
        assert "Version: 8.0" in reading.raw

    def test_add_on(self) -> None:
        reading = add_on.parse(Answer(b"   Name: DEL-ESXi\n   Version: 803.24414501-A04\n   Display Name: Dell Add-on\n"))
        assert isinstance(reading, Read)
        assert reading.value is not None
        assert (reading.value.name, reading.value.version) == ("DEL-ESXi", "803.24414501-A04")
        assert add_on.from_fields({"Name": "DEL-ESXi", "Version": "803.24414501-A04"}) == reading

    def test_no_add_on_only_when_the_command_succeeded_silently(self) -> None:
        assert add_on.parse(Answer(b"")) == Read(None)
        assert add_on.from_fields({}) == Read(None)
        for answer in (Answer(b"", None), Answer(b"", 0, "something went wrong"), Answer(b"none\n")):
            assert isinstance(add_on.parse(answer), Unread)


class TestStaged:
    pending = Read(ImageProfile("P", "V"))
    failed = Unread(Reason.FAILED)
    one = Read((Vib("esx-base", "1"),))
    base = Read(BaseImage(BaseImageVersion.parse("8.0.3-0.70.24674464")))

    def test_none(self) -> None:
        assert staged.combine(Read(None), Read(()), self.failed) == Read(None)
        assert staged.combine(Read(None), self.failed, self.base) == Read(None)
        assert staged.combine(self.failed, Read(()), self.base) == Read(None)

    def test_staged(self) -> None:
        assert staged.combine(self.pending, self.one, self.base) == Read(StagedImage("P", self.base.value, self.one.value))
        assert staged.combine(self.failed, self.one, self.failed) == Read(StagedImage(vibs=self.one.value))

    def test_unknown(self) -> None:
        assert staged.combine(self.failed, self.failed, self.base) is self.failed
        assert isinstance(staged.combine(Read(None), self.one, self.base), Unread)


class TestMaintenanceMode:
    @pytest.mark.parametrize("text", ["Enabled\nDisabled\n", "enabled\n", "Enabled maybe\n", "Enabled\nand more\n"])
    def test_anything_but_the_word(self, text: str) -> None:
        assert isinstance(maintenance_mode.parse(Answer(text.encode())), Unread)


class TestBanks:
    volume = "/vmfs/volumes/a1b2c3d4-e5f60718-9a0b-c1d2e3f40516"

    def bank(self, resolved: Answer, listed: Answer, boot_cfg: Answer | None = None) -> tuple[object, object]:
        bank = banks.parse(banks.ALTBOOTBANK, resolved, listed, boot_cfg or Answer(b"updated=1\n"))
        assert bank.link == "/altbootbank"
        return bank.target, bank.boot_cfg

    def test_readlink(self) -> None:
        assert self.bank(Answer(f"{self.volume}\n".encode()), Answer(b"", 1))[0] == Read(self.volume)

    def test_ls_where_readlink_lacks_f(self) -> None:
        shown = f"lrwxrwxrwx    1 root     root   49 Jan  1 00:00 /altbootbank -> {self.volume}\n".encode()
        assert self.bank(Answer(b"", 1, "readlink: invalid option -- 'f'"), Answer(shown))[0] == Read(self.volume)

    def test_link_into_ram_is_a_value(self) -> None:
        assert self.bank(Answer(b"/tmp\n"), Answer(b"", 1))[0] == Read("/tmp")

    def test_neither(self) -> None:
        target, _ = self.bank(Answer(b"", 1), Answer(b"drwxr-xr-x 1 root root 8 Jan  1 00:00 /altbootbank\n"))
        assert isinstance(target, Unread)

    def test_boot_cfg_of_any_bytes(self) -> None:
        data = bytes(range(256))
        assert self.bank(Answer(b""), Answer(b""), Answer(data))[1] == Read(data)
        assert self.bank(Answer(b""), Answer(b""), Answer(b""))[1] == Read(b"")

    def test_no_boot_cfg(self) -> None:
        missing = Answer(b"", 1, "cat: can't open '/altbootbank/boot.cfg': No such file or directory")
        failed = Answer(b"bootst", 1, "cat: read error: Input/output error")
        for answer, expected in ((missing, Reason.ABSENT), (failed, Reason.FAILED)):
            reading = self.bank(Answer(b""), Answer(b""), answer)[1]
            assert isinstance(reading, Unread)
            assert reading.reason is expected
