// An independent reader of our log: golang.org/x/mod/sumdb, which checks the downloads of every Go program.
//
//	verify tiles VKEY FOLDER [EARLIER-CHECKPOINT…]
//	verify proof VKEY PROOF ENTRY
//	verify consistency VKEY EARLIER-CHECKPOINT CHECKPOINT HASHES
//
// It says how many entries there are, or why it does not believe it, with exit status 1.
package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func must(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func read(path string) []byte {
	body, err := os.ReadFile(path)
	must(err)
	return body
}

func checkpoint(vkey string, signed []byte) tlog.Tree {
	verifier, err := note.NewVerifier(vkey)
	must(err)
	opened, err := note.Open(signed, note.VerifierList(verifier))
	must(err)
	lines := strings.Split(opened.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err)
	hash, err := tlog.ParseHash(lines[2])
	must(err)
	return tlog.Tree{N: size, Hash: hash}
}

func hashes(text string) (found []tlog.Hash) {
	for _, line := range strings.Fields(text) {
		hash, err := tlog.ParseHash(line)
		must(err)
		found = append(found, hash)
	}
	return found
}

// folder reads tiles of height 8; Go's paths name the height as well.
type folder string

func (f folder) read(path string) []byte {
	return read(filepath.Join(string(f), strings.Replace(path, "tile/8/", "tile/", 1)))
}
func (f folder) Height() int { return 8 }
func (f folder) ReadTiles(tiles []tlog.Tile) (data [][]byte, err error) {
	for _, tile := range tiles {
		data = append(data, f.read(tile.Path()))
	}
	return data, nil
}
func (f folder) SaveTiles([]tlog.Tile, [][]byte) {}

func tiles(vkey string, f folder, earlier []string) int64 {
	tree := checkpoint(vkey, f.read("checkpoint"))
	reader := tlog.TileHashReader(tree, f)
	root, err := tlog.TreeHash(tree.N, reader)
	must(err)
	if root != tree.Hash {
		must(fmt.Errorf("the tiles have another root"))
	}
	for first := int64(0); first < tree.N; first += 256 {
		width := int64(256)
		if tree.N-first < width {
			width = tree.N - first
		}
		path := tlog.Tile{H: 8, L: 0, N: first / 256, W: int(width)}.Path()
		bundle := f.read(strings.Replace(path, "tile/8/0/", "tile/entries/", 1))
		for number := first; number < first+width; number++ {
			length := int(binary.BigEndian.Uint16(bundle))
			hash := tlog.RecordHash(bundle[2 : 2+length])
			bundle = bundle[2+length:]
			proof, err := tlog.ProveRecord(tree.N, number, reader)
			must(err)
			must(tlog.CheckRecord(proof, tree.N, tree.Hash, number, hash))
		}
		if len(bundle) > 0 {
			must(fmt.Errorf("%s: more than its entries", path))
		}
	}
	for _, path := range earlier {
		old := checkpoint(vkey, read(path))
		proof, err := tlog.ProveTree(tree.N, old.N, reader)
		must(err)
		must(tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash))
	}
	return tree.N
}

func proof(vkey string, text, entry []byte) int64 {
	head, signed, _ := bytes.Cut(text, []byte("\n\n"))
	lines := strings.SplitN(string(head), "\n", 3)
	if lines[0] != "c2sp.org/tlog-proof@v1" {
		must(fmt.Errorf("not a tlog-proof"))
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	must(err)
	tree := checkpoint(vkey, signed)
	path := strings.Join(lines[2:], "")
	must(tlog.CheckRecord(hashes(path), tree.N, tree.Hash, index, tlog.RecordHash(entry)))
	return tree.N
}

func main() {
	vkey, args := os.Args[2], os.Args[3:]
	var size int64
	switch os.Args[1] {
	case "tiles":
		size = tiles(vkey, folder(args[0]), args[1:])
	case "proof":
		size = proof(vkey, read(args[0]), read(args[1]))
	case "consistency":
		old, tree := checkpoint(vkey, read(args[0])), checkpoint(vkey, read(args[1]))
		must(tlog.CheckTree(hashes(string(read(args[2]))), tree.N, tree.Hash, old.N, old.Hash))
		size = tree.N
	}
	fmt.Println(size)
}
